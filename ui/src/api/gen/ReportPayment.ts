// This file was written by `desk calls --typescript`. Do not edit it by hand.
import type { PayChannel } from "./PayChannel";

export type ReportPayment = { household: string, channel: PayChannel, amount: number, on: string, at: string | null, reference: string, terminal: string | null, card_tail: string | null, payer: string | null, };
