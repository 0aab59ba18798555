// This file was written by `desk calls --typescript`. Do not edit it by hand.

export type ContactState = "UNVERIFIED" | "CONFIRMED" | "NO_ANSWER" | "WRONG_PERSON" | "OUT_OF_SERVICE" | "DO_NOT_CALL";
