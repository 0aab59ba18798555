// This file was written by `desk calls --typescript`. Do not edit it by hand.

export type Figures = { borrowers: number, contracts: number, principal_due: number, interest_due: number, penalty_due: number, total_due: number, };
