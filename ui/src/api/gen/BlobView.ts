// This file was written by `desk calls --typescript`. Do not edit it by hand.

export type BlobView = { sha256: string, bytes: number, media: string, };
