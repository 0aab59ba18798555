// This file was written by `desk calls --typescript`. Do not edit it by hand.

export type VillageRow = { code: string, name: string, township: string, households: number, served: number, not_met: number, paid: number, receipts_out: number, last_visit: string | null, };
