import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createApp, nextTick } from "vue";
import type { App } from "vue";

import { useCourier } from "../src/api/call";
import type { Answer } from "../src/api/gen/Answer";
import { isComposing } from "../src/parts/composing";
import SearchBox from "../src/parts/SearchBox.vue";
import { router } from "../src/router";
import { i18n } from "../src/text";

const hit = { file: "0011", borrower: "王秋禾", co_borrower: "王守田", place_name: "柳沟镇 东坡村", why: "姓名" };
let looked: string[] = [];
let app: App;
let input: HTMLInputElement;

beforeEach(() => {
  vi.useFakeTimers();
  looked = [];
  useCourier({
    call: (_, args) => {
      looked.push((args as { text: string }).text);
      return Promise.resolve({ ok: { reply: { call: "Search", reply: { total: 1, hits: [hit] } }, stale: [] } } as Answer);
    },
    blob: () => Promise.reject(new Error("no blob is asked for here")),
  });
  vi.spyOn(router, "push").mockResolvedValue(undefined);
  const host = document.createElement("div");
  document.body.replaceChildren(host);
  app = createApp(SearchBox).use(i18n).use(router);
  app.mount(host);
  const found = document.querySelector<HTMLInputElement>("[data-test=search]");
  if (found === null) throw new Error("no search field");
  input = found;
});
afterEach(() => {
  app.unmount();
  vi.restoreAllMocks();
  vi.useRealTimers();
});

async function type(text: string, event: Event): Promise<void> {
  input.value = text;
  input.dispatchEvent(event);
  await nextTick();
  await vi.advanceTimersByTimeAsync(200);
  await nextTick();
}
function enter(composing: boolean): void {
  input.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", isComposing: composing, bubbles: true }));
}

describe("the search", () => {
  it("looks while an input method composes, without its marks", async () => {
    await type("wang'qi", new CompositionEvent("compositionupdate", { data: "wang'qi" }));
    expect(looked).toEqual(["", "wangqi"]);
    expect(document.querySelector("[data-test=hit-0]")?.textContent).toContain("王秋禾");
  });

  it("does not choose on the Enter that ends a composition", async () => {
    await type("王", new InputEvent("input"));
    enter(true);
    expect(router.push).not.toHaveBeenCalled();
    enter(false);
    expect(router.push).toHaveBeenCalledWith("/household/0011");
  });

  it("asks once for a burst of letters", async () => {
    for (const text of ["w", "wq", "wqh"]) {
      input.value = text;
      input.dispatchEvent(new InputEvent("input"));
      await nextTick();
      await vi.advanceTimersByTimeAsync(20);
    }
    await vi.advanceTimersByTimeAsync(200);
    expect(looked).toEqual(["", "wqh"]);
  });
});

it("a key is composing by its flag or by the old code 229", () => {
  expect(isComposing(new KeyboardEvent("keydown", { key: "Enter", isComposing: true }))).toBe(true);
  expect(isComposing({ isComposing: false, keyCode: 229 } as KeyboardEvent)).toBe(true);
  expect(isComposing(new KeyboardEvent("keydown", { key: "Enter" }))).toBe(false);
});
