// This file was written by `desk calls --typescript`. Do not edit it by hand.

export type Failure = { code: string, field: string | null, zh: string, en: string, incident: string | null, facts: { [key in string]: string }, };
