// This file was written by `desk calls --typescript`. Do not edit it by hand.
import type { ContractView } from "./ContractView";

export type DueView = { as_of: string, age_days: number, due_on: string, weekday: string, total: number, capitals: string, contracts: Array<ContractView>, account_hint: string | null, };
