// This file was written by `desk calls --typescript`. Do not edit it by hand.

export type HouseholdField = "ADDRESS_FOUND" | "WHEREABOUTS" | "NAME_TRUE";
