// This file was written by `desk calls --typescript`. Do not edit it by hand.

export type LetterState = "PRINTED" | "SERVED" | "RECEIPT_BACK" | "VOID";
