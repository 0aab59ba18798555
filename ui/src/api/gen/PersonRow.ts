// This file was written by `desk calls --typescript`. Do not edit it by hand.
import type { Line } from "./Line";
import type { Role } from "./Role";

export type PersonRow = { person: string, name: string, role: Role, line: Line | null, areas: Array<string>, villages: number, };
