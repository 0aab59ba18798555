// This file was written by `desk calls --typescript`. Do not edit it by hand.
import type { Figures } from "./Figures";
import type { HouseholdRow } from "./HouseholdRow";

export type HouseholdsView = { total: number, figures: Figures, rows: Array<HouseholdRow>, };
