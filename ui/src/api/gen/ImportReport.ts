// This file was written by `desk calls --typescript`. Do not edit it by hand.
import type { Figures } from "./Figures";
import type { RejectedRow } from "./RejectedRow";

export type ImportReport = { written: boolean, already_imported: boolean, as_of: string, figures: Figures, new_households: number, changed_households: number, gone_households: number, rejected: Array<RejectedRow>, warnings: Array<RejectedRow>, footer_total: number | null, footer_agrees: boolean | null, };
