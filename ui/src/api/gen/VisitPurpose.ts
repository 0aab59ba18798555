// This file was written by `desk calls --typescript`. Do not edit it by hand.

export type VisitPurpose = "SERVE" | "CHECK_DETAILS" | "ADVISE" | "LOCATE";
