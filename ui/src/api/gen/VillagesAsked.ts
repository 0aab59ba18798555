// This file was written by `desk calls --typescript`. Do not edit it by hand.

export type VillagesAsked = { township: string | null, };
