import { beforeEach, describe, expect, it } from "vitest";
import { effectScope, nextTick, ref } from "vue";
import type { EffectScope, Ref } from "vue";

import { useCourier } from "../src/api/call";
import type { Answer } from "../src/api/gen/Answer";
import { useDraft } from "../src/parts/draft";
import type { Draft } from "../src/parts/draft";

type Asked = { name: string; args: unknown; answer: (answer: Answer) => void };
let asked: Asked[] = [];
let scope: EffectScope;

function ok(call: string, reply: unknown): Answer {
  return { ok: { reply: { call, reply }, stale: [] } } as Answer;
}
async function settle(): Promise<void> {
  for (let i = 0; i < 8; i += 1) await nextTick();
}
async function answer(at: number, reply: unknown): Promise<void> {
  const one = asked[at];
  if (one === undefined) throw new Error(`nothing was asked at ${at}`);
  one.answer(ok(one.name, reply));
  await settle();
}
const OF = { form: "visit", household: "00112233445566aa" };
function form(text: Ref<string | null>): Draft {
  const made = scope.run(() => useDraft<string>(OF, () => text.value, (kept) => (text.value = kept)));
  if (made === undefined) throw new Error("the scope did not run");
  return made;
}
/** The texts that were written, as the form's own words. */
function written(): unknown[] {
  const all = asked.filter((one) => one.name === "KeepDraft").map((one) => (one.args as { text: string }).text);
  return all.map((text) => (JSON.parse(text) as { state: unknown }).state);
}

beforeEach(() => {
  asked = [];
  scope = effectScope();
  useCourier({
    call: (name, args) => new Promise((answer) => asked.push({ name, args, answer })),
    blob: () => Promise.reject(new Error("no blob is asked for here")),
  });
});

describe("a form that was begun", () => {
  it("is written with every key, the last one surely, and never two at once", async () => {
    const text = ref<string | null>("");
    form(text);
    await answer(0, { text: null });
    for (const typed of ["人", "人在", "人在县", "人在县城"]) {
      text.value = typed;
      await settle();
    }
    expect(written()).toEqual(["人"]);
    await answer(1, {});
    expect(written()).toEqual(["人", "人在县城"]);
    await answer(2, {});
    expect(asked).toHaveLength(3);
  });

  it("shows what was kept, and writes nothing that nobody typed", async () => {
    const text = ref<string | null>(null);
    const draft = form(text);
    expect(draft.ready.value).toBe(false);
    await answer(0, { text: JSON.stringify({ writing: 1, state: "人在" }) });
    expect([draft.ready.value, draft.restored.value, text.value]).toEqual([true, true, "人在"]);
    expect(written()).toEqual([]);
  });

  it("is not written when the page fills it by itself, nor read in another version's writing", async () => {
    const text = ref<string | null>(null);
    const draft = form(text);
    await answer(0, { text: JSON.stringify({ writing: 9, state: "?" }) });
    expect([draft.ready.value, draft.restored.value]).toEqual([true, false]);
    text.value = "made";
    await settle();
    expect(written()).toEqual([]);
    text.value = "typed";
    await settle();
    expect(written()).toEqual(["typed"]);
  });

  it("goes once it was saved, after what was still being written", async () => {
    const text = ref<string | null>("");
    const draft = form(text);
    await answer(0, { text: null });
    text.value = "a";
    text.value = "ab";
    const done = draft.done();
    await settle();
    expect(asked.map((one) => one.name)).toEqual(["Draft", "KeepDraft"]);
    await answer(1, {});
    expect(asked.map((one) => one.name)).toEqual(["Draft", "KeepDraft", "DropDraft"]);
    await answer(2, {});
    await done;
    text.value = "abc";
    await settle();
    expect(asked).toHaveLength(3);
  });
});
