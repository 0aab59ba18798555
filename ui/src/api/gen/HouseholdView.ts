// This file was written by `desk calls --typescript`. Do not edit it by hand.
import type { ContactView } from "./ContactView";
import type { DueStatus } from "./DueStatus";
import type { DueView } from "./DueView";
import type { FieldView } from "./FieldView";
import type { LedgerRow } from "./LedgerRow";
import type { PaymentRow } from "./PaymentRow";
import type { VisitRow } from "./VisitRow";

export type HouseholdView = { file: string, borrower: string, borrower_as_bank: string | null, id_masked: string | null, id_tail: string, grad_year: number | null, co_borrower: string | null, relation: string | null, place: string, place_name: string, place_resolved: boolean, address_listed: string, fields: Array<FieldView>, contacts: Array<ContactView>, due: DueView | null, status: DueStatus, say_first: Array<string>, letters: Array<LedgerRow>, visits: Array<VisitRow>, payments: Array<PaymentRow>, government: string | null, education: string | null, };
