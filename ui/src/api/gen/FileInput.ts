// This file was written by `desk calls --typescript`. Do not edit it by hand.

export type FileInput = { path: string, } | { name: string, base64: string, };
