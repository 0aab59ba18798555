// This file was written by `desk calls --typescript`. Do not edit it by hand.
import type { ConflictCard } from "./ConflictCard";

export type ConflictsView = { cards: Array<ConflictCard>, };
