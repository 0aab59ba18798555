// This file was written by `desk calls --typescript`. Do not edit it by hand.

export type SilentUnit = { code: string, name: string, since: string | null, };
