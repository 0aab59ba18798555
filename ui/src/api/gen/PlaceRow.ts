// This file was written by `desk calls --typescript`. Do not edit it by hand.

export type PlaceRow = { code: string, name: string, households: number, total_due: number, };
