// This file was written by `desk calls --typescript`. Do not edit it by hand.
import type { Figures } from "./Figures";
import type { SeasonRow } from "./SeasonRow";

export type SeasonView = { as_of: string | null, due_on: string | null, figures: Figures, townships: Array<SeasonRow>, };
