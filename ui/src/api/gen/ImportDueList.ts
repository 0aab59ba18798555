// This file was written by `desk calls --typescript`. Do not edit it by hand.
import type { FileInput } from "./FileInput";

export type ImportDueList = { file: FileInput, as_of: string | null, dry_run: boolean, };
