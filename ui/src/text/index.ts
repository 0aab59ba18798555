// The ui's words in the language the person chose, with keys and closed lists checked by the compiler.
// It must never hold a sentence itself; those stand in zh.ts and en.ts.
import { createI18n } from "vue-i18n";
import { computed } from "vue";

import type { Failing } from "../api/answer";
import type { Remark } from "../api/gen/Remark";
import { en } from "./en";
import * as format from "./format";
import type { Lang } from "./format";
import { zh } from "./zh";
import type { Text } from "./zh";

type Paths<T> = { [K in keyof T & string]: T[K] extends string ? K : `${K}.${Paths<T[K]>}` }[keyof T & string];
/** Every key of the texts. */
export type TextKey = Paths<Text>;
/** The closed lists that have words. */
export type ListName = keyof Text["words"];
/** The codes of a closed list. */
export type CodeOf<L extends ListName> = keyof Text["words"][L] & string;

const KEPT = "ruhu.lang";

function chosen(): Lang {
  return globalThis.localStorage?.getItem(KEPT) === "en" ? "en" : "zh";
}

export const i18n = createI18n({
  legacy: false,
  locale: chosen(),
  fallbackLocale: "zh",
  messages: { zh, en } as Record<Lang, Text>,
  // Chinese has one form for one and for many; English two.
  pluralRules: { zh: () => 0, en: (n: number, forms: number) => (forms > 1 && n !== 1 ? 1 : 0) },
});

/** The language now. */
export const lang = computed<Lang>(() => i18n.global.locale.value);

/** Changes the language and remembers it on this computer. */
export function chooseLang(to: Lang): void {
  i18n.global.locale.value = to;
  globalThis.localStorage?.setItem(KEPT, to);
  document.documentElement.lang = to === "zh" ? "zh-CN" : "en";
}

/** The text of a key. Numbers are grouped in threes; the number `n` also chooses one or many. */
export function t(key: TextKey, values: Record<string, string | number> = {}): string {
  const shown: Record<string, string> = {};
  for (const [name, value] of Object.entries(values)) {
    shown[name] = typeof value === "number" ? format.grouped(value) : value;
  }
  return typeof values["n"] === "number" ? i18n.global.t(key, shown, values["n"]) : i18n.global.t(key, shown);
}

/** The word of a code, e.g. `word("VisitResult", "NOT_MET")`. */
export function word<L extends ListName>(list: L, code: CodeOf<L>): string {
  const key = `words.${list}.${code}`;
  // A newer desk may send a code this ui does not know: it is shown as it is, never dropped.
  return i18n.global.te(key, "zh") ? i18n.global.t(key) : code;
}

/** The codes of a closed list, in order. */
export function codes<L extends ListName>(list: L): CodeOf<L>[] {
  return Object.keys(zh.words[list]) as CodeOf<L>[];
}

/** What parts the items of a list. The texts themselves lose blanks at their ends, so these stand here. */
export const listMark = computed(() => (lang.value === "zh" ? "、" : ", "));
/** What parts the clauses of a sentence. */
export const clauseMark = computed(() => (lang.value === "zh" ? "，" : "; "));

/** The sentence of a failure or remark in the language now. */
export function said(what: Pick<Failing, "zh" | "en"> | Remark): string {
  return lang.value === "zh" ? what.zh : what.en;
}
