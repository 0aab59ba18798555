// This file was written by `desk calls --typescript`. Do not edit it by hand.

export type AssignmentRow = { village: string, name: string, township: string, households: number, government: string | null, education: string | null, };
