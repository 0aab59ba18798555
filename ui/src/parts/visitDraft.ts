// A visit while it is being ticked: what the form holds, and the sentence that grows from it.
// Plain data, so that a form begun can be kept as it stands and shown again.
import type { HouseholdView } from "../api/gen/HouseholdView";
import type { LedgerRow } from "../api/gen/LedgerRow";
import type { Situation } from "../api/gen/Situation";
import type { VisitForm } from "../api/gen/VisitForm";
import type { VisitPurpose } from "../api/gen/VisitPurpose";
import type { VisitResult } from "../api/gen/VisitResult";
import { clock, day, oddHour } from "../text/format";
import { clauseMark, lang, listMark, t, word } from "../text";
import { zh } from "../text/zh";

export type Who = "BORROWER" | "CO_BORROWER" | "FAMILY" | "CHILDREN" | "NOBODY";
export type Outcome = "TALKED" | "REFUSED" | "NOT_MET" | "MOVED" | "NO_SUCH_ADDRESS";
export type Next = "NONE" | "AGAIN" | "CALL" | "VILLAGE" | "CENTRE";

export type VisitDraft = {
  on: string | null;
  arrived: string | null;
  left: string | null;
  purpose: VisitPurpose;
  who: Who | null;
  outcome: Outcome | null;
  familyName: string;
  familyRelation: string;
  situations: Situation[];
  pledgedOn: string | null;
  letters: string[];
  next: Next | null;
  /** A next step of an earlier visit that is none of the chips, kept when the visit is corrected. */
  nextWords: string | null;
  nextOn: string | null;
  team: string;
  note: string;
  oddHourReason: string;
};

/** Next steps are stored in Chinese, the language of the county's records, whatever the ui speaks. */
const NEXT_WORDS: Record<Exclude<Next, "NONE">, string> = {
  AGAIN: zh.visit.nextAgain,
  CALL: zh.visit.nextCall,
  VILLAGE: zh.visit.nextVillage,
  CENTRE: zh.visit.nextCentre,
};
const SELF = "本人";
const CO_BORROWER = "共同借款人";

export function emptyDraft(today: string, time: string, purpose: VisitPurpose): VisitDraft {
  return {
    on: today,
    arrived: time,
    left: null,
    purpose,
    who: null,
    outcome: null,
    familyName: "",
    familyRelation: "",
    situations: [],
    pledgedOn: null,
    letters: [],
    next: null,
    nextWords: null,
    nextOn: null,
    team: "",
    note: "",
    oddHourReason: "",
  };
}

export function met(who: Who | null): boolean {
  return who === "BORROWER" || who === "CO_BORROWER" || who === "FAMILY";
}

/** The outcomes that fit who was met. */
export function outcomes(who: Who | null): Outcome[] {
  if (who === null || who === "CHILDREN") return [];
  return met(who) ? ["TALKED", "REFUSED"] : ["NOT_MET", "MOVED", "NO_SUCH_ADDRESS"];
}

/** Letters that can still be handed over at this door. */
export function openLetters(family: HouseholdView, draft: VisitDraft): LedgerRow[] {
  return family.letters.filter((letter) => letter.state === "PRINTED" || draft.letters.includes(letter.doc_no));
}

export function names(text: string): string[] {
  return text.split(/[\s,，、;；]+/).filter((name) => name !== "");
}

function resultOf(draft: VisitDraft): VisitResult | null {
  if (draft.who === "CHILDREN") return "NOT_MET";
  switch (draft.outcome) {
    case null:
      return null;
    case "REFUSED":
    case "NOT_MET":
    case "MOVED":
    case "NO_SUCH_ADDRESS":
      return draft.outcome;
    case "TALKED":
      if (draft.who === "BORROWER") return "MET_BORROWER";
      if (draft.who === "CO_BORROWER") return "MET_CO_BORROWER";
      return draft.who === "FAMILY" ? "MET_FAMILY" : null;
  }
}

function person(draft: VisitDraft, family: HouseholdView): { name: string | null; relation: string | null } {
  switch (draft.who) {
    case "BORROWER":
      return { name: family.borrower, relation: SELF };
    case "CO_BORROWER":
      return { name: family.co_borrower, relation: family.relation ?? CO_BORROWER };
    case "FAMILY":
      return { name: draft.familyName.trim() || null, relation: draft.familyRelation.trim() || null };
    case "CHILDREN":
    case "NOBODY":
    case null:
      return { name: null, relation: null };
  }
}

/** The form as the call takes it, or null while something that must be chosen is not. */
export function formOf(draft: VisitDraft, family: HouseholdView): VisitForm | null {
  const result = resultOf(draft);
  if (result === null || draft.on === null || draft.arrived === null) return null;
  const who = person(draft, family);
  const here = met(draft.who);
  return {
    on: draft.on,
    arrived: draft.arrived,
    left: draft.left,
    purpose: draft.purpose,
    result,
    met_name: who.name,
    met_relation: who.relation,
    only_children: draft.who === "CHILDREN",
    situations: here ? draft.situations : [],
    pledged_on: here && draft.situations.includes("PLEDGED") ? draft.pledgedOn : null,
    letters: here ? draft.letters : [],
    team: names(draft.team),
    next_step: draft.next === null ? draft.nextWords : draft.next === "NONE" ? null : NEXT_WORDS[draft.next],
    next_on: draft.next === "NONE" ? null : draft.nextOn,
    note: draft.note.trim() || null,
    odd_hour_reason: oddHour(draft.arrived) ? draft.oddHourReason.trim() || null : null,
  };
}

/** The ticks of a visit that was kept, for correcting it. */
export function draftOf(form: VisitForm, family: HouseholdView): VisitDraft {
  const next = (Object.entries(NEXT_WORDS) as [Exclude<Next, "NONE">, string][]).find(([, w]) => w === form.next_step);
  const own = form.met_relation === SELF && form.met_name === family.borrower;
  const co = form.met_name !== null && form.met_name === family.co_borrower;
  let who: Who = "NOBODY";
  let outcome: Outcome = "NOT_MET";
  switch (form.result) {
    case "MET_BORROWER":
      [who, outcome] = ["BORROWER", "TALKED"];
      break;
    case "MET_CO_BORROWER":
      [who, outcome] = ["CO_BORROWER", "TALKED"];
      break;
    case "MET_FAMILY":
      [who, outcome] = ["FAMILY", "TALKED"];
      break;
    case "REFUSED":
      [who, outcome] = [own ? "BORROWER" : co ? "CO_BORROWER" : "FAMILY", "REFUSED"];
      break;
    case "NOT_MET":
    case "MOVED":
    case "NO_SUCH_ADDRESS":
      [who, outcome] = [form.only_children ? "CHILDREN" : "NOBODY", form.result];
      break;
  }
  return {
    on: form.on,
    arrived: form.arrived,
    left: form.left,
    purpose: form.purpose,
    who,
    outcome,
    familyName: who === "FAMILY" ? (form.met_name ?? "") : "",
    familyRelation: who === "FAMILY" ? (form.met_relation ?? "") : "",
    situations: [...form.situations],
    pledgedOn: form.pledged_on,
    letters: [...form.letters],
    next: next?.[0] ?? (form.next_step === null ? "NONE" : null),
    nextWords: form.next_step,
    nextOn: form.next_on,
    team: form.team.join(" "),
    note: form.note ?? "",
    oddHourReason: form.odd_hour_reason ?? "",
  };
}

/** The sentence that the ticks write so far; in Chinese it is the one the desk will keep. */
export function sentenceOf(draft: VisitDraft, family: HouseholdView, today: string): string {
  const parts: string[] = [];
  const said = (on: string) => day(on, lang.value, today);
  const result = resultOf(draft);
  const grownUp = met(draft.who);
  if (result !== null) {
    const { name, relation } = person(draft, family);
    const who = [name, relation].filter((one) => one !== null).join(clauseMark.value);
    const met = word("VisitResult", result);
    parts.push(who === "" ? met : t("visit.s.met", { result: met, who }));
  }
  if (draft.who === "CHILDREN") parts.push(t("visit.s.children"));
  if (grownUp) {
    if (draft.letters.length > 0) parts.push(t("visit.s.handed", { n: draft.letters.length }));
    const says = draft.situations.filter((one) => one !== "PLEDGED").map((one) => word("Situation", one));
    if (says.length > 0) parts.push(t("visit.s.situations", { list: says.join(listMark.value) }));
    if (draft.situations.includes("PLEDGED") && draft.pledgedOn !== null) {
      parts.push(t("visit.s.pledged", { day: said(draft.pledgedOn) }));
    }
  }
  const next = nextText(draft);
  if (next !== null) {
    parts.push(
      draft.nextOn === null
        ? t("visit.s.next", { what: next })
        : t("visit.s.nextOn", { day: said(draft.nextOn), what: next }),
    );
  }
  const rest = parts.length === 0 ? "……" : `${parts.join(clauseMark.value)}${t("visit.s.stop")}`;
  return draft.on !== null && draft.arrived !== null
    ? t("visit.s.at", { day: said(draft.on), time: clock(draft.arrived), rest })
    : rest;
}

function nextText(draft: VisitDraft): string | null {
  switch (draft.next) {
    case null:
      return draft.nextWords;
    case "NONE":
      return null;
    case "AGAIN":
      return t("visit.nextAgain");
    case "CALL":
      return t("visit.nextCall");
    case "VILLAGE":
      return t("visit.nextVillage");
    case "CENTRE":
      return t("visit.nextCentre");
  }
}
