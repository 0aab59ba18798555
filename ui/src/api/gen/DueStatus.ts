// This file was written by `desk calls --typescript`. Do not edit it by hand.

export type DueStatus = "LISTED" | "NOTIFIED" | "SERVED" | "PLEDGED" | "REPORTED_PAID" | "BANK_PENDING" | "PARTIALLY_PAID" | "BANK_CONFIRMED" | "EXEMPT" | "OVERDUE" | "NOT_SEEN";
