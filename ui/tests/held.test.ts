import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createPinia } from "pinia";
import { createApp, nextTick } from "vue";
import type { App, Component } from "vue";

import { useCourier } from "../src/api/call";
import type { Answer } from "../src/api/gen/Answer";
import type { HeldRow } from "../src/api/gen/HeldRow";
import type { HeldView } from "../src/api/gen/HeldView";
import type { HouseholdUpdated } from "../src/api/gen/HouseholdUpdated";
import type { ValueView } from "../src/api/gen/ValueView";
import { forgetReads } from "../src/api/read";
import HeldCard from "../src/parts/HeldCard.vue";
import UpdateHousehold from "../src/parts/UpdateHousehold.vue";
import ValueFrom from "../src/parts/ValueFrom.vue";
import { router } from "../src/router";
import { chooseLang, i18n } from "../src/text";

const today = "2026-12-08";
let asked: { name: string; args: unknown }[] = [];
let answers: Record<string, unknown> = {};
let app: App | null = null;

function ok(call: string, reply: unknown): Answer {
  return { ok: { reply: { call, reply }, stale: [] } } as Answer;
}
beforeEach(() => {
  asked = [];
  answers = {};
  forgetReads();
  chooseLang("zh");
  useCourier({
    call: (name, args) => {
      asked.push({ name, args });
      const reply = answers[name];
      return Promise.resolve(reply !== undefined && reply !== null && typeof reply === "object" && "fail" in reply ? (reply as Answer) : ok(name, reply));
    },
    blob: () => Promise.reject(new Error("no blob is asked for here")),
  });
  vi.spyOn(router, "push").mockResolvedValue(undefined);
});
afterEach(() => {
  app?.unmount();
  app = null;
  vi.restoreAllMocks();
});

async function settle(): Promise<void> {
  for (let i = 0; i < 8; i += 1) await nextTick();
}
async function show(part: Component, props: Record<string, unknown>): Promise<void> {
  const host = document.createElement("div");
  document.body.replaceChildren(host);
  app = createApp(part, props).use(createPinia()).use(i18n).use(router);
  app.mount(host);
  await settle();
}
function one<E extends HTMLElement = HTMLElement>(name: string): E | null {
  return document.querySelector<E>(`[data-test=${name}]`);
}
async function press(name: string): Promise<void> {
  const button = one<HTMLButtonElement>(name);
  if (button === null) throw new Error(`no button ${name}`);
  button.click();
  await settle();
}
async function write(name: string, text: string): Promise<void> {
  const field = one<HTMLInputElement>(name);
  if (field === null) throw new Error(`no field ${name}`);
  field.value = text;
  field.dispatchEvent(new Event("input", { bubbles: true }));
  await settle();
}
async function submit(): Promise<void> {
  document.querySelector("form")?.dispatchEvent(new Event("submit", { bubbles: true, cancelable: true }));
  await settle();
}
const orders = () => asked.filter((call) => !["HeldFacts", "SyncState"].includes(call.name));

const row: HeldRow = {
  fact: "0011-1",
  household: null,
  borrower: null,
  village: null,
  kind: "VillageAssigned",
  what: "分工",
  says: "东坡村 → 周启明",
  who: "郝建国",
  role: "CENTRAL_DIRECTOR",
  places: ["尧山镇"],
  at: "2026-12-08T12:01:00+08:00",
  clock: null,
  mine: false,
  erasable: false,
  word: null,
  laptop_waits: false,
};
function held(more: Partial<HeldView>): HeldView {
  return { rows: [row], let_through: [], may_decide: true, ...more };
}

describe("a held record", () => {
  it("is let through only after the head has read that this cannot be taken back", async () => {
    answers = { HeldFacts: held({}), DecideHeld: { facts: [], remarks: [] } };
    await show(HeldCard, { today, head: true });
    expect(one("held")?.textContent).toContain("东坡村 → 周启明");
    expect(one("held-note")).toBeNull();
    await press("held-accept");
    expect(orders()).toEqual([]);
    expect(one("held-note")?.textContent).toContain("不能再收回");
    expect(one("held-do")?.textContent).toContain("不能再收回");
    await submit();
    expect(orders()).toEqual([{ name: "DecideHeld", args: { facts: ["0011-1"], accept: true, reason: "" } }]);
  });

  it("is refused with a reason only, which its author will read", async () => {
    answers = { HeldFacts: held({}), DecideHeld: { facts: [], remarks: [] } };
    await show(HeldCard, { today, head: true });
    await press("held-refuse");
    expect(one<HTMLButtonElement>("held-do")?.disabled).toBe(true);
    await write("held-reason", "不是您的片区");
    expect(one<HTMLButtonElement>("held-do")?.disabled).toBe(false);
    await submit();
    expect(orders()).toEqual([{ name: "DecideHeld", args: { facts: ["0011-1"], accept: false, reason: "不是您的片区" } }]);
  });

  it("tells its author what was decided and why, and gives no button", async () => {
    const word = { who: "赵国强", at: "2026-12-08T13:00:00+08:00", only_here: false };
    const refused = { ...row, mine: true, word: { ...word, accept: false, reason: "不是您的片区" } };
    const passed = { fact: "0011-2", household: null, borrower: null, kind: null, says: null };
    const through = [{ ...passed, word: { ...word, accept: true, reason: "已说好" } }];
    answers = { HeldFacts: held({ rows: [refused], let_through: through, may_decide: false }) };
    await show(HeldCard, { today, head: false });
    expect(one("held-word")?.textContent).toMatch(/赵国强 今天13:00决定不放行。\s*原因：不是您的片区/);
    expect(one("held-passed")?.textContent).toMatch(/赵国强 今天13:00放行了，现在算数。\s*原因：已说好/);
    expect(one("held-passed")?.textContent).toContain("您写的一条记录");
    expect(document.querySelectorAll("button")).toHaveLength(0);
  });

  it("says before and after the word that it counts only once its computer is let in", async () => {
    const waits = { ...row, laptop_waits: true };
    const word = { who: "赵国强", at: "2026-12-08T13:00:00+08:00", only_here: false, accept: true, reason: "" };
    answers = { HeldFacts: held({ rows: [waits] }) };
    await show(HeldCard, { today, head: true });
    expect(one("held-laptop")?.textContent).toContain("先看清是谁的电脑");
    forgetReads();
    answers = { HeldFacts: held({ rows: [{ ...waits, word }] }) };
    await show(HeldCard, { today, head: true });
    expect(one("held-word")?.textContent).toMatch(/赵国强 今天13:00同意放行。写的那台电脑放行以后才算数。/);
    expect(one("held")?.textContent).not.toContain("没有放行");
    expect(one("held-accept")).toBeNull();
    expect(one("held-refuse")).not.toBeNull();
  });

  it("stands on the head's page alone where the head decides", async () => {
    answers = { HeldFacts: held({}) };
    await show(HeldCard, { today, head: false });
    expect(one("held")).toBeNull();
  });
});

describe("who said a value", () => {
  const value: ValueView = {
    facts: ["0011-1"],
    text: "县城花园路",
    person: "lin",
    name: "林秀",
    role: "TOWNSHIP_CLERK",
    places: ["尧山镇", "下汤镇"],
    at: "2026-12-08T12:01:00+08:00",
    clock: null,
    only_here: false,
  };

  it("comes with role, places and one time where the clock was right", async () => {
    await show(ValueFrom, { value, today });
    expect(one("value-from")?.textContent).toContain("林秀 · 今天12:01");
    expect(one("value-from")?.textContent).toContain("乡镇经办 · 尧山镇、下汤镇");
    expect(one("clocks")).toBeNull();
  });

  it("comes with both times where it was wrong", async () => {
    await show(ValueFrom, { value: { ...value, clock: "1980-01-01T00:03:00+08:00" }, today });
    expect(one("clocks")?.textContent).toContain("那台电脑的钟是1980年1月1日00:03，县里的钟是今天12:01");
  });
});

describe("one family now", () => {
  const done = { here: true, waiting: 0, held: 0, photos_missing: 0, photos_unsent: 0, report: { remarks: [] } } as unknown as HouseholdUpdated;

  it("says what is true of the family afterwards", async () => {
    answers = { UpdateHousehold: { ...done, photos_missing: 2 }, SyncState: { running: null } };
    await show(UpdateHousehold, { household: "0011" });
    await press("update-household");
    expect(orders()).toEqual([{ name: "UpdateHousehold", args: { household: "0011" } }]);
    expect(one("updated")?.textContent).toContain("还有 2 张照片");
  });

  it("says in a sentence that there is no line, and what to do", async () => {
    const fail = { code: "COUNTY_UNREACHABLE", field: null, zh: "没有连上县里。", en: "Not reached.", incident: null, facts: {} };
    answers = { UpdateHousehold: { fail }, SyncState: { running: null } };
    await show(UpdateHousehold, { household: "0011" });
    await press("update-household");
    expect(one("update-failed")?.textContent).toMatch(/没有连上县里。.*有网时会自动再试/s);
    expect(one("updated")).toBeNull();
  });

  it("leaves the page of a family that has left this computer", async () => {
    answers = { UpdateHousehold: { ...done, here: false }, SyncState: { running: null } };
    await show(UpdateHousehold, { household: "0011" });
    await press("update-household");
    expect(router.push).toHaveBeenCalledWith("/villages");
  });
});
