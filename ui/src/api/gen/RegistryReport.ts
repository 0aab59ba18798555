// This file was written by `desk calls --typescript`. Do not edit it by hand.
import type { RegistrySheet } from "./RegistrySheet";
import type { RejectedRow } from "./RejectedRow";

export type RegistryReport = { sheet: RegistrySheet, rows: number, rejected: Array<RejectedRow>, };
