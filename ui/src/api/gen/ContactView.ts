// This file was written by `desk calls --typescript`. Do not edit it by hand.
import type { ContactState } from "./ContactState";
import type { Source } from "./Source";

export type ContactView = { number: string, grouped: string, relations: Array<string>, state: ContactState, state_on: string | null, sources: Array<Source>, notes: Array<string>, only_here: boolean, };
