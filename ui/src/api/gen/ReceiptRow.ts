// This file was written by `desk calls --typescript`. Do not edit it by hand.
import type { BlobView } from "./BlobView";
import type { LedgerRow } from "./LedgerRow";
import type { ServiceMode } from "./ServiceMode";

export type ReceiptRow = { letter: LedgerRow, pictures: Array<BlobView>, mode: ServiceMode | null, served_on: string | null, complete: boolean, };
