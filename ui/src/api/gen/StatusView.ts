// This file was written by `desk calls --typescript`. Do not edit it by hand.
import type { Failure } from "./Failure";

export type StatusView = { only_here: number, county_has: number, backed_up: number, last_contact: string | null, last_failure: Failure | null, as_of: string | null, data_age_days: number | null, due_on: string | null, days_left: number | null, conflicts: number, not_understood: number, held: number, today: string, weekday: string, now: string, };
