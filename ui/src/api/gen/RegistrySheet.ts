// This file was written by `desk calls --typescript`. Do not edit it by hand.

export type RegistrySheet = "SCHOOL_CENTRES" | "DIRECTORS" | "LIAISONS" | "AGENCY_POINTS";
