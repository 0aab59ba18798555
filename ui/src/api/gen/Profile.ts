// This file was written by `desk calls --typescript`. Do not edit it by hand.

export type Profile = { organ_name: string, organ_short: string, organ_code: string, credit_code: string, hotline: string, complaint_line: string, address: string, bank_name: string, settlement_bank: string, county_name: string, };
