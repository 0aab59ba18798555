// This file was written by `desk calls --typescript`. Do not edit it by hand.

export type BulletinRow = { rank: number | null, code: string, name: string, households_due: number, contracts_due: number, households_paid: number, head_rate: string, principal_due: number, interest_due: number, amount_due: number, amount_paid: number, amount_rate: string, reported: number, households_served: number, served_rate: string, households_visited: number, heard_at: string | null, };
