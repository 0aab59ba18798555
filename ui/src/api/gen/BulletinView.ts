// This file was written by `desk calls --typescript`. Do not edit it by hand.
import type { BulletinRow } from "./BulletinRow";
import type { SilentUnit } from "./SilentUnit";

export type BulletinView = { no: number | null, title: string, cut_off: string, as_of: string | null, rows: Array<BulletinRow>, county: BulletinRow, synced_units: number, units: number, silent: Array<SilentUnit>, definitions: Array<string>, };
