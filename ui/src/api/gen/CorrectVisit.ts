// This file was written by `desk calls --typescript`. Do not edit it by hand.
import type { VisitForm } from "./VisitForm";

export type CorrectVisit = { visit: string, form: VisitForm, reason: string, };
