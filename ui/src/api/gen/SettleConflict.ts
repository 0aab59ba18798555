// This file was written by `desk calls --typescript`. Do not edit it by hand.
import type { HouseholdField } from "./HouseholdField";

export type SettleConflict = { household: string, field: HouseholdField, text: string, shown: Array<string>, };
