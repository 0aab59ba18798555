// This file was written by `desk calls --typescript`. Do not edit it by hand.
import type { HouseholdField } from "./HouseholdField";
import type { ValueView } from "./ValueView";

export type ConflictCard = { household: string, borrower: string, village: string, field: HouseholdField, values: Array<ValueView>, };
