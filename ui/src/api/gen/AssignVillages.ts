// This file was written by `desk calls --typescript`. Do not edit it by hand.
import type { Line } from "./Line";

export type AssignVillages = { villages: Array<string>, line: Line | null, person: string, };
