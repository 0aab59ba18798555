// This file was written by `desk calls --typescript`. Do not edit it by hand.

export type Tag = "Status" | "Households" | "Visits" | "Letters" | "Payments" | "Registries" | "Conflicts" | "Bulletins";
