// This file was written by `desk calls --typescript`. Do not edit it by hand.

export type ValueView = { facts: Array<string>, text: string, person: string, name: string, at: string, only_here: boolean, };
