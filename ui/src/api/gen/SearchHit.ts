// This file was written by `desk calls --typescript`. Do not edit it by hand.

export type SearchHit = { file: string, borrower: string, co_borrower: string | null, place_name: string, why: string, };
