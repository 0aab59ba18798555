// This file was written by `desk calls --typescript`. Do not edit it by hand.
import type { Situation } from "./Situation";
import type { VisitPurpose } from "./VisitPurpose";
import type { VisitResult } from "./VisitResult";

export type VisitForm = { on: string, arrived: string, left: string | null, purpose: VisitPurpose, result: VisitResult, met_name: string | null, met_relation: string | null, only_children: boolean, situations: Array<Situation>, pledged_on: string | null, letters: Array<string>, team: Array<string>, next_step: string | null, next_on: string | null, note: string | null, odd_hour_reason: string | null, };
