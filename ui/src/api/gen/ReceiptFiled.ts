// This file was written by `desk calls --typescript`. Do not edit it by hand.
import type { BlobView } from "./BlobView";
import type { Remark } from "./Remark";

export type ReceiptFiled = { fact: string, picture: BlobView, remarks: Array<Remark>, };
