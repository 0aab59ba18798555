// This file was written by `desk calls --typescript`. Do not edit it by hand.
import type { VillageRow } from "./VillageRow";

export type VillagesView = { villages: Array<VillageRow>, };
