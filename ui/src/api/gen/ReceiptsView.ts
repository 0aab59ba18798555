// This file was written by `desk calls --typescript`. Do not edit it by hand.
import type { ReceiptRow } from "./ReceiptRow";

export type ReceiptsView = { rows: Array<ReceiptRow>, printed: number, complete: number, filed: number, missing: number, };
