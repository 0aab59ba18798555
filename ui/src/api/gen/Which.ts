// This file was written by `desk calls --typescript`. Do not edit it by hand.

export type Which = { "households": Array<string> } | { "village": string };
