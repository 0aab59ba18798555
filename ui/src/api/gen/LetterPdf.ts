// This file was written by `desk calls --typescript`. Do not edit it by hand.
import type { BlobView } from "./BlobView";
import type { LedgerRow } from "./LedgerRow";

export type LetterPdf = { pdf: BlobView, letter: LedgerRow, };
