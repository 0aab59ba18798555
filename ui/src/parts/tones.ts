// Which colour a state has: pine done, cinnabar due, amber waiting, indigo told, plain untouched.
// The word always stands in the tag; colour never speaks alone.
import type { ContactState } from "../api/gen/ContactState";
import type { DueStatus } from "../api/gen/DueStatus";
import type { LetterState } from "../api/gen/LetterState";
import type { ProposalState } from "../api/gen/ProposalState";

export type Tone = "pine" | "cinnabar" | "amber" | "indigo" | "";

export const dueTone: Record<DueStatus, Tone> = {
  LISTED: "",
  NOTIFIED: "indigo",
  SERVED: "pine",
  PLEDGED: "indigo",
  REPORTED_PAID: "amber",
  BANK_PENDING: "amber",
  PARTIALLY_PAID: "amber",
  BANK_CONFIRMED: "pine",
  EXEMPT: "",
  OVERDUE: "cinnabar",
  NOT_SEEN: "amber",
  WRITTEN_OFF: "",
};

export const letterTone: Record<LetterState, Tone> = {
  PRINTED: "amber",
  SERVED: "amber",
  RECEIPT_BACK: "pine",
  VOID: "cinnabar",
};

export const importTone: Record<ProposalState, Tone> = {
  WAITING: "amber",
  ACCEPTED: "pine",
  REFUSED: "cinnabar",
  LOADED: "",
  UNDONE: "",
};

export const contactTone: Record<ContactState, Tone> = {
  UNVERIFIED: "",
  CONFIRMED: "pine",
  NO_ANSWER: "amber",
  WRONG_PERSON: "cinnabar",
  OUT_OF_SERVICE: "cinnabar",
  DO_NOT_CALL: "cinnabar",
};
