// This file was written by `desk calls --typescript`. Do not edit it by hand.
import type { Source } from "./Source";

export type AddContact = { household: string, number: string, relation: string | null, source: Source, note: string | null, };
