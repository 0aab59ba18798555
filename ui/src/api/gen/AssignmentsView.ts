// This file was written by `desk calls --typescript`. Do not edit it by hand.
import type { AssignmentRow } from "./AssignmentRow";

export type AssignmentsView = { rows: Array<AssignmentRow>, };
