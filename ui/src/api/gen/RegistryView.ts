// This file was written by `desk calls --typescript`. Do not edit it by hand.

export type RegistryView = { columns: Array<string>, rows: Array<Array<string>>, };
