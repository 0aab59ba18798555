// This file was written by `desk calls --typescript`. Do not edit it by hand.
import type { PayChannel } from "./PayChannel";

export type PaymentRow = { payment: string, channel: PayChannel, amount: number, on: string, reference: string, person: string, only_here: boolean, };
