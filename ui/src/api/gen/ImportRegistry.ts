// This file was written by `desk calls --typescript`. Do not edit it by hand.
import type { FileInput } from "./FileInput";
import type { RegistrySheet } from "./RegistrySheet";

export type ImportRegistry = { sheet: RegistrySheet, file: FileInput, };
