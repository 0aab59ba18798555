// This file was written by `desk calls --typescript`. Do not edit it by hand.
import type { VisitRow } from "./VisitRow";

export type VisitsView = { total: number, visits: Array<VisitRow>, };
