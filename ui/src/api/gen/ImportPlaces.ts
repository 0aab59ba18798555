// This file was written by `desk calls --typescript`. Do not edit it by hand.
import type { FileInput } from "./FileInput";

export type ImportPlaces = { places: FileInput, old_names: FileInput | null, };
