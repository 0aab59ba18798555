// This file was written by `desk calls --typescript`. Do not edit it by hand.
import type { LedgerRow } from "./LedgerRow";

export type LedgerView = { rows: Array<LedgerRow>, printed: number, served: number, back: number, void: number, notices_left: number, receipts_left: number, };
