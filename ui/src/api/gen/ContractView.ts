// This file was written by `desk calls --typescript`. Do not edit it by hand.

export type ContractView = { tail: string, academic_year: string, principal_due: number, interest_due: number, penalty_due: number, total_due: number, principal_left: number, maturity_on: string | null, };
