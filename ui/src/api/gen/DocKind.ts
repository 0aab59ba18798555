// This file was written by `desk calls --typescript`. Do not edit it by hand.

export type DocKind = "REPAYMENT_NOTICE" | "SERVICE_RECEIPT";
