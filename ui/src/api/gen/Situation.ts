// This file was written by `desk calls --typescript`. Do not edit it by hand.

export type Situation = "ALREADY_PAID" | "PLEDGED" | "STILL_STUDYING" | "IN_SERVICE" | "ILLNESS" | "DISASTER" | "OUT_OF_WORK" | "DISPUTES_AMOUNT" | "NOT_THEIR_LOAN" | "OTHER";
