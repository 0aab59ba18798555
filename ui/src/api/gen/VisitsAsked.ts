// This file was written by `desk calls --typescript`. Do not edit it by hand.

export type VisitsAsked = { on: string | null, mine: boolean, limit: number, };
