// This file was written by `desk calls --typescript`. Do not edit it by hand.

export type VisitResult = "MET_BORROWER" | "MET_CO_BORROWER" | "MET_FAMILY" | "NOT_MET" | "MOVED" | "NO_SUCH_ADDRESS" | "REFUSED";
