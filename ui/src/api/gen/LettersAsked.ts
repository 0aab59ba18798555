// This file was written by `desk calls --typescript`. Do not edit it by hand.
import type { DocKind } from "./DocKind";
import type { Which } from "./Which";

export type LettersAsked = { which: Which, kinds: Array<DocKind>, reason: string | null, black: boolean, };
