// This file was written by `desk calls --typescript`. Do not edit it by hand.
import type { SearchHit } from "./SearchHit";

export type SearchView = { total: number, hits: Array<SearchHit>, };
