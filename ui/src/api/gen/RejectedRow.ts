// This file was written by `desk calls --typescript`. Do not edit it by hand.

export type RejectedRow = { sheet_row: number, column: string | null, reason: string, };
