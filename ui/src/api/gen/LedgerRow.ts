// This file was written by `desk calls --typescript`. Do not edit it by hand.
import type { DocKind } from "./DocKind";
import type { LetterState } from "./LetterState";

export type LedgerRow = { doc_no: string, kind: DocKind, household: string, borrower: string, co_borrower: string | null, village: string, state: LetterState, printed_on: string, as_of: string, total: number, pair: string | null, sha256: string, person: string, only_here: boolean, };
