import { beforeEach, describe, expect, it } from "vitest";
import { effectScope, nextTick, ref } from "vue";
import type { EffectScope } from "vue";

import { Refused } from "../src/api/answer";
import { call, useCourier } from "../src/api/call";
import type { Answer } from "../src/api/gen/Answer";
import type { Tag } from "../src/api/gen/Tag";
import { forgetReads, useRead } from "../src/api/read";

type Asked = { name: string; args: unknown; answer: (answer: Answer) => void };
let asked: Asked[] = [];

function ok(call: string, reply: unknown, stale: Tag[] = []): Answer {
  return { ok: { reply: { call, reply }, stale } } as Answer;
}
function refused(code: string, field: string | null = null): Answer {
  return { fail: { code, field, zh: "不行。", en: "No.", incident: null, facts: {} } } as Answer;
}
async function answer(at: number, with_: Answer): Promise<void> {
  asked[at]?.answer(with_);
  for (let i = 0; i < 4; i += 1) await nextTick();
}
function within<T>(make: () => T): [T, EffectScope] {
  const scope = effectScope();
  const made = scope.run(make);
  if (made === undefined) throw new Error("the scope did not run");
  return [made, scope];
}

beforeEach(() => {
  asked = [];
  forgetReads();
  useCourier({
    call: (name, args) => new Promise((answer) => asked.push({ name, args, answer })),
    blob: () => Promise.reject(new Error("no blob is asked for here")),
  });
});

describe("a read", () => {
  it("is asked again when one of its tags goes stale, and only then", async () => {
    const [read] = within(() => useRead("Visits", () => ({ on: null, mine: false, limit: 0 }), ["Visits"]));
    await answer(0, ok("Visits", { total: 1, visits: [] }));
    expect(read.data.value?.total).toBe(1);

    const other = call("SaveProfile", {} as never);
    await answer(1, ok("SaveProfile", { facts: [], remarks: [] }, ["Registries"]));
    await other;
    expect(asked).toHaveLength(2);

    const visit = call("RecordVisit", {} as never);
    await answer(2, ok("RecordVisit", {}, ["Visits", "Status"]));
    await visit;
    expect(asked.map((one) => one.name)).toEqual(["Visits", "SaveProfile", "RecordVisit", "Visits"]);
    expect(read.data.value?.total).toBe(1);
    await answer(3, ok("Visits", { total: 2, visits: [] }));
    expect(read.data.value?.total).toBe(2);
  });

  it("never shows an older answer after a newer one", async () => {
    const [read] = within(() => useRead("Visits", () => ({ on: null, mine: false, limit: 0 }), ["Visits"]));
    void read.again();
    await answer(1, ok("Visits", { total: 9, visits: [] }));
    await answer(0, ok("Visits", { total: 1, visits: [] }));
    expect(read.data.value?.total).toBe(9);
    expect(read.loading.value).toBe(false);
  });

  it("shows what is kept at once, and is not asked again after its page is gone", async () => {
    const [, scope] = within(() => useRead("Visits", () => ({ on: null, mine: false, limit: 0 }), ["Visits"]));
    await answer(0, ok("Visits", { total: 5, visits: [] }));
    scope.stop();
    const [again] = within(() => useRead("Visits", () => ({ on: null, mine: false, limit: 0 }), ["Visits"]));
    expect(again.data.value?.total).toBe(5);
    expect(asked).toHaveLength(2);
  });

  it("keeps the data and tells the refusal", async () => {
    const [read] = within(() => useRead("Visits", () => ({ on: null, mine: false, limit: 0 }), ["Visits"]));
    await answer(0, ok("Visits", { total: 5, visits: [] }));
    void read.again();
    await answer(1, refused("LINE_BROKEN"));
    expect(read.data.value?.total).toBe(5);
    expect(read.failure.value?.code).toBe("LINE_BROKEN");
  });

  it("waits for its arguments and follows them", async () => {
    const household = ref<string | null>(null);
    const [read] = within(() =>
      useRead("Household", () => (household.value === null ? null : { household: household.value }), ["Households"]),
    );
    expect(asked).toHaveLength(0);
    household.value = "0011";
    await nextTick();
    expect(asked[0]?.args).toEqual({ household: "0011" });
    expect(read.data.value).toBeNull();
  });
});

describe("a call", () => {
  it("throws the desk's own refusal, with its field", async () => {
    const failed = call("Unlock", { passphrase: "x" });
    await answer(0, refused("WRONG_PASSPHRASE", "passphrase"));
    await expect(failed).rejects.toBeInstanceOf(Refused);
    await failed.catch((error: unknown) => expect((error as Refused).failure.field).toBe("passphrase"));
  });
});
