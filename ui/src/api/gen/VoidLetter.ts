// This file was written by `desk calls --typescript`. Do not edit it by hand.

export type VoidLetter = { doc_no: string, reason: string, };
