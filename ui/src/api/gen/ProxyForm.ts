// This file was written by `desk calls --typescript`. Do not edit it by hand.

export type ProxyForm = { name: string, relation: string, adult: boolean, lives_there: boolean, sealed: boolean, };
