// This file was written by `desk calls --typescript`. Do not edit it by hand.
import type { VisitForm } from "./VisitForm";
import type { VisitPurpose } from "./VisitPurpose";
import type { VisitResult } from "./VisitResult";

export type VisitRow = { visit: string, household: string, borrower: string, village: string, on: string, arrived: string, purpose: VisitPurpose, result: VisitResult, person: string, name: string, sentence: string, form: VisitForm | null, corrected: boolean, odd_hour: boolean, recorded_at: string, only_here: boolean, };
