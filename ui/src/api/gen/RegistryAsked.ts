// This file was written by `desk calls --typescript`. Do not edit it by hand.
import type { RegistrySheet } from "./RegistrySheet";

export type RegistryAsked = { sheet: RegistrySheet, };
