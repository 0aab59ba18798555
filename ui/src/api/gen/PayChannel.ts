// This file was written by `desk calls --typescript`. Do not edit it by hand.

export type PayChannel = "POS" | "ALIPAY" | "BANK_APP" | "UNIONPAY_APP";
