// This file was written by `desk calls --typescript`. Do not edit it by hand.
import type { DueStatus } from "./DueStatus";
import type { VisitResult } from "./VisitResult";

export type HouseholdRow = { file: string, borrower: string, co_borrower: string | null, place: string, village: string, whereabouts: string, total_due: number, contracts: number, status: DueStatus, visits: number, last_visit: string | null, last_result: VisitResult | null, conflicts: number, only_here: boolean, };
