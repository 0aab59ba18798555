// This file was written by `desk calls --typescript`. Do not edit it by hand.
import type { DueStatus } from "./DueStatus";
import type { Remark } from "./Remark";

export type PaymentSaved = { payment: string, status: DueStatus, remarks: Array<Remark>, };
