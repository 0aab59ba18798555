// This file was written by `desk calls --typescript`. Do not edit it by hand.
import type { Remark } from "./Remark";

export type SyncReport = { sent: number, received: number, blobs_sent: number, blobs_received: number, files_gone: number, held: number, bytes_out: number, bytes_in: number, clock_offset_ms: number, agreed: boolean, remarks: Array<Remark>, };
