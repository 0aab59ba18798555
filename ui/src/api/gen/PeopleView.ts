// This file was written by `desk calls --typescript`. Do not edit it by hand.
import type { PersonRow } from "./PersonRow";

export type PeopleView = { people: Array<PersonRow>, };
