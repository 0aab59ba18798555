// This file was written by `desk calls --typescript`. Do not edit it by hand.
import type { BlobView } from "./BlobView";
import type { Skipped } from "./Skipped";

export type Draft = { pdf: BlobView, households: number, pages: number, skipped: Array<Skipped>, };
