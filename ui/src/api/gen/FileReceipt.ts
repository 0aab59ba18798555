// This file was written by `desk calls --typescript`. Do not edit it by hand.
import type { FileInput } from "./FileInput";

export type FileReceipt = { receipt_no: string, file: FileInput, };
