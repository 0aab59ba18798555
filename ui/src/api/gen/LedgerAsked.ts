// This file was written by `desk calls --typescript`. Do not edit it by hand.

export type LedgerAsked = { place: string | null, household: string | null, };
