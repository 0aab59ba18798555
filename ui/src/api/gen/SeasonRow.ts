// This file was written by `desk calls --typescript`. Do not edit it by hand.
import type { Figures } from "./Figures";

export type SeasonRow = { code: string, name: string, figures: Figures, };
