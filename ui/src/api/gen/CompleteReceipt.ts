// This file was written by `desk calls --typescript`. Do not edit it by hand.
import type { ProxyForm } from "./ProxyForm";
import type { ServiceMode } from "./ServiceMode";

export type CompleteReceipt = { receipt_no: string, mode: ServiceMode, served_on: string, served_at: string | null, servers: Array<string>, signed: boolean, fingerprinted: boolean, dated_by_hand: boolean, proxy: ProxyForm | null, witnesses: Array<string>, refusal_reason: string | null, home_confirmed: boolean, filmed: boolean, post_no: string | null, post_delivered: boolean, consent: string | null, arrival_proof: boolean, date_confirmed: boolean, };
