// This file was written by `desk calls --typescript`. Do not edit it by hand.
import type { BlobView } from "./BlobView";
import type { LedgerRow } from "./LedgerRow";
import type { Remark } from "./Remark";
import type { Skipped } from "./Skipped";

export type PrintRun = { pdf: BlobView, letters: Array<LedgerRow>, pages: number, skipped: Array<Skipped>, notices_left: number, receipts_left: number, remarks: Array<Remark>, };
