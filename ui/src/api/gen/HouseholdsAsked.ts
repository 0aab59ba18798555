// This file was written by `desk calls --typescript`. Do not edit it by hand.
import type { DueStatus } from "./DueStatus";

export type HouseholdsAsked = { place: string | null, statuses: Array<DueStatus>, offset: number, limit: number, };
