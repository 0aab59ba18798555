// This file was written by `desk calls --typescript`. Do not edit it by hand.
import type { ContactState } from "./ContactState";

export type StateContact = { household: string, number: string, state: ContactState, on: string | null, };
