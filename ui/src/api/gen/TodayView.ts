// This file was written by `desk calls --typescript`. Do not edit it by hand.
import type { VillageRow } from "./VillageRow";

export type TodayView = { to_serve: number, receipts_out: number, to_check: number, paid: number, villages: Array<VillageRow>, };
