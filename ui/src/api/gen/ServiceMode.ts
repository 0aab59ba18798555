// This file was written by `desk calls --typescript`. Do not edit it by hand.

export type ServiceMode = "DIRECT" | "CO_RESIDENT" | "LEFT_AT_HOME" | "POST" | "ELECTRONIC";
