// This file was written by `desk calls --typescript`. Do not edit it by hand.
import type { Remark } from "./Remark";

export type Saved = { facts: Array<string>, remarks: Array<Remark>, };
