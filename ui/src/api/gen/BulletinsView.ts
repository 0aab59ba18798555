// This file was written by `desk calls --typescript`. Do not edit it by hand.
import type { BulletinView } from "./BulletinView";

export type BulletinsView = { bulletins: Array<BulletinView>, };
