import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { chooseLang, codes, listMark, t, word } from "../src/text";
import type { TextKey } from "../src/text";
import { en } from "../src/text/en";
import { zh } from "../src/text/zh";

type Tree = { [key: string]: string | Tree };

function leaves(tree: Tree, under = ""): [string, string][] {
  return Object.entries(tree).flatMap(([key, value]): [string, string][] =>
    typeof value === "string" ? [[under + key, value]] : leaves(value, `${under}${key}.`),
  );
}
function places(text: string): string[] {
  return [...new Set(text.match(/\{\w+\}/g) ?? [])].sort();
}

describe("the texts", () => {
  const chinese = leaves(zh);
  const english = new Map(leaves(en));

  it("have the same keys in both languages, none empty", () => {
    expect([...english.keys()].sort()).toEqual(chinese.map(([key]) => key).sort());
    for (const [key, text] of [...chinese, ...english]) expect(text.trim(), key).not.toBe("");
  });

  it("fill the same places in both languages", () => {
    for (const [key, text] of chinese) {
      const [one = "", many = one] = (english.get(key) ?? "").split(" | ");
      // A number may stand outside a word that only changes its form ("day | days").
      const wanted = places(text);
      expect([...new Set([...places(one), ...places(many)])].sort(), key).toEqual(wanted);
    }
  });

  it("hold no English sentence and no exclamation mark in Chinese, and no Chinese in English", () => {
    for (const [key, text] of chinese) {
      if (key === "person.english" || key.startsWith("field.")) continue;
      expect(text.replace(/\{\w+\}/g, ""), key).not.toMatch(/[a-z]{3,}|[!！]/);
    }
    for (const [key, text] of english) {
      // The name of the language, and the name of a file as it lies on the stick.
      if (key === "person.chinese" || key === "forgotten.pick") continue;
      expect(text, key).not.toMatch(/[\u4e00-\u9fff！，。]/);
    }
  });

  it("are all spoken somewhere", () => {
    const sources = readdirSync("src", { recursive: true, encoding: "utf8" })
      .filter((name) => /\.(vue|ts)$/.test(name) && !name.startsWith("text/zh") && !name.startsWith("text/en"))
      .map((name) => readFileSync(join("src", name), "utf8"))
      .join("\n");
    const silent = chinese
      .map(([key]) => key)
      .filter((key) => !key.startsWith("words.") && !key.startsWith("nav."))
      .filter((key) => !sources.includes(`"${key}"`) && !sources.includes(`'${key}'`) && !sources.includes(`zh.${key}`));
    expect(silent).toEqual([]);
  });

  it("are understood by the library in both languages, whatever is filled in", () => {
    const fill = { n: 2, name: "甲", day: "12月8日", at: "今天", money: "¥1.00", village: "东坡村", no: "1", list: "一、二" };
    for (const lang of ["zh", "en"] as const) {
      chooseLang(lang);
      for (const [key] of chinese) expect(t(key as TextKey, fill), `${lang} ${key}`).not.toBe(key);
    }
  });

  it("choose one or many in English", () => {
    chooseLang("en");
    expect(t("household.contracts", { n: 1 })).toBe("1 contract");
    expect(t("household.contracts", { n: 3917 })).toBe("3,917 contracts");
    expect(listMark.value).toBe(", ");
    chooseLang("zh");
    expect(t("household.contracts", { n: 1 })).toBe("合同1份");
    expect(t("villages.allHouseholds", { n: 3917 })).toBe("全部 3,917 户");
    expect(listMark.value).toBe("、");
  });

  it("know every code, and show an unknown one as it is", () => {
    for (const code of codes("VisitResult")) expect(word("VisitResult", code)).not.toContain("_");
    expect(word("VisitResult", "FROM_TOMORROW" as never)).toBe("FROM_TOMORROW");
  });
});
