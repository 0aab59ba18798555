// This file was written by `desk calls --typescript`. Do not edit it by hand.

export type Role = "LEADING_GROUP" | "BUREAU_LEADER" | "CENTRE_HEAD" | "CENTRE_OPERATOR" | "CENTRE_AUDITOR" | "SYS_ADMIN" | "AGENCY_STAFF" | "TOWNSHIP_CLERK" | "CENTRAL_DIRECTOR" | "SCHOOL_DIRECTOR";
