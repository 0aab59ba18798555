// This file was written by `desk calls --typescript`. Do not edit it by hand.
import type { Line } from "./Line";
import type { Role } from "./Role";

export type AboutView = { version: string, person: string, name: string, role: Role, line: Line | null, device: string, county: string, practice: boolean, now: string, county_desk: boolean, };
