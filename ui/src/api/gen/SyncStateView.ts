// This file was written by `desk calls --typescript`. Do not edit it by hand.
import type { ContactLogRow } from "./ContactLogRow";
import type { StatusView } from "./StatusView";
import type { WaitingRow } from "./WaitingRow";

export type SyncStateView = { status: StatusView, waiting: Array<WaitingRow>, contacts: Array<ContactLogRow>, };
