// This file was written by `desk calls --typescript`. Do not edit it by hand.
import type { Failure } from "./Failure";

export type Skipped = { household: string, borrower: string, why: Failure, };
