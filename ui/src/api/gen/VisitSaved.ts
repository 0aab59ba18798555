// This file was written by `desk calls --typescript`. Do not edit it by hand.
import type { Remark } from "./Remark";

export type VisitSaved = { visit: string, facts: Array<string>, sentence: string, remarks: Array<Remark>, };
