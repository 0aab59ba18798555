import { beforeEach, describe, expect, it } from "vitest";

import type { HouseholdView } from "../src/api/gen/HouseholdView";
import type { LedgerRow } from "../src/api/gen/LedgerRow";
import { draftOf, emptyDraft, formOf, names, openLetters, outcomes, sentenceOf } from "../src/parts/visitDraft";
import type { VisitDraft } from "../src/parts/visitDraft";
import { chooseLang } from "../src/text";

const notice = {
  doc_no: "青资助还通〔2026〕10123号",
  kind: "REPAYMENT_NOTICE",
  state: "PRINTED",
} as LedgerRow;
const family = {
  borrower: "王秋禾",
  co_borrower: "王守田",
  relation: "父",
  letters: [notice, { ...notice, doc_no: "青资助还通〔2026〕10100号", state: "VOID" }],
} as HouseholdView;
const today = "2026-12-08";
let draft: VisitDraft;

beforeEach(() => {
  chooseLang("zh");
  draft = emptyDraft(today, "10:20:00", "SERVE");
});

describe("the visit's sentence", () => {
  it("grows with the ticks", () => {
    expect(sentenceOf(draft, family, today)).toBe("12月8日10:20，……");
    draft.who = "CO_BORROWER";
    draft.outcome = "TALKED";
    expect(sentenceOf(draft, family, today)).toBe("12月8日10:20，见到共同借款人（王守田，父）。");
    draft.letters = [notice.doc_no];
    draft.situations = ["ILLNESS", "PLEDGED"];
    draft.pledgedOn = "2026-12-15";
    draft.next = "CALL";
    draft.nextOn = "2026-12-15";
    expect(sentenceOf(draft, family, today)).toBe(
      "12月8日10:20，见到共同借款人（王守田，父），交付文书1份，家里情况：重病，答应12月15日前还，下一步：打电话（12月15日）。",
    );
    chooseLang("en");
    expect(sentenceOf(draft, family, today)).toBe(
      "8 Dec, 10:20: Met the co-borrower (王守田; 父); 1 letter handed over; the family's situation: Serious illness; will pay before 15 Dec; next step: Call (15 Dec).",
    );
  });

  it("says nothing of letters or of the family where nobody grown-up was met", () => {
    draft.letters = [notice.doc_no];
    draft.situations = ["ILLNESS"];
    draft.who = "CHILDREN";
    expect(sentenceOf(draft, family, today)).toBe("12月8日10:20，无人在家，家中只有孩子，随即离开。");
  });
});

describe("the visit's form", () => {
  it("is not made before who and result are chosen", () => {
    expect(formOf(draft, family)).toBeNull();
    draft.who = "NOBODY";
    expect(formOf(draft, family)).toBeNull();
    draft.outcome = "MOVED";
    expect(formOf(draft, family)?.result).toBe("MOVED");
  });

  it("never carries letters, promises or talk of a visit without a grown-up", () => {
    draft.letters = [notice.doc_no];
    draft.situations = ["PLEDGED"];
    draft.pledgedOn = "2026-12-15";
    draft.who = "CHILDREN";
    expect(formOf(draft, family)).toMatchObject({
      result: "NOT_MET",
      only_children: true,
      letters: [],
      situations: [],
      pledged_on: null,
      met_name: null,
    });
  });

  it("comes back from what was kept", () => {
    draft.who = "FAMILY";
    draft.outcome = "REFUSED";
    draft.familyName = "李桂英";
    draft.familyRelation = "祖母";
    draft.next = "VILLAGE";
    draft.team = "周启明、宋某";
    const form = formOf(draft, family);
    if (form === null) throw new Error("the form is complete");
    expect(form.team).toEqual(["周启明", "宋某"]);
    expect(formOf(draftOf(form, family), family)).toEqual(form);
  });

  it("offers only letters that can be handed over, and outcomes that fit", () => {
    expect(openLetters(family, draft)).toEqual([notice]);
    expect(outcomes("BORROWER")).toEqual(["TALKED", "REFUSED"]);
    expect(outcomes("NOBODY")).toEqual(["NOT_MET", "MOVED", "NO_SUCH_ADDRESS"]);
    expect(outcomes("CHILDREN")).toEqual([]);
    expect(names(" 周启明, 宋某 ")).toEqual(["周启明", "宋某"]);
  });
});
