// This file was written by `desk calls --typescript`. Do not edit it by hand.
import type { Failure } from "./Failure";
import type { Reply } from "./Reply";
import type { Tag } from "./Tag";

export type Answer = { "ok": { reply: Reply, stale: Array<Tag>, } } | { "fail": Failure };
