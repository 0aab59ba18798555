// This file was written by `desk calls --typescript`. Do not edit it by hand.

export type WaitingRow = { household: string | null, borrower: string | null, what: string, since: string, why: string, };
