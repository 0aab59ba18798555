import { describe, expect, it } from "vitest";

import * as f from "../src/text/format";

describe("money", () => {
  it.each([
    [0, "¥0.00"],
    [5, "¥0.05"],
    [36337, "¥363.37"],
    [123400, "¥1,234.00"],
    [649028686, "¥6,490,286.86"],
    [-1050, "-¥10.50"],
  ])("%i fen is %s", (fen, text) => expect(f.money(fen)).toBe(text));

  it.each([
    ["363.37", 36337],
    ["1,234.5", 123450],
    ["¥ 12", 1200],
    ["３６３．３７元", 36337],
    ["", null],
    ["12.345", null],
    ["-3", null],
    ["三百", null],
  ])("%s is read as %s fen", (text, fen) => expect(f.fenOf(text)).toBe(fen));
});

describe("days", () => {
  const today = "2026-12-08";
  it("are written in both languages, with the year only where it is another", () => {
    expect(f.day("2026-12-20", "zh", today)).toBe("12月20日");
    expect(f.day("2025-12-20", "zh", today)).toBe("2025年12月20日");
    expect(f.day("2026-12-20", "en", today)).toBe("20 Dec");
    expect(f.day("2027-01-04", "en", today)).toBe("4 Jan 2027");
    expect(f.weekday("2026-12-20", "zh")).toBe("星期日");
    expect(f.weekday("2026-12-20", "en")).toBe("Sunday");
  });

  it.each([
    ["12-8", "2026-12-08"],
    ["12月8日", "2026-12-08"],
    ["12.15", "2026-12-15"],
    ["１２－８", "2026-12-08"],
    ["9", "2026-12-09"],
    ["1-5", "2027-01-05"],
    ["2025年12月20日", "2025-12-20"],
    ["20261208", "2026-12-08"],
    ["2-30", null],
    ["明天", null],
    ["8 Dec", null],
  ])("%s is read as %s", (text, date) => expect(f.dateOf(text, today)).toBe(date));

  it("in January reach back to December", () => expect(f.dateOf("12-28", "2027-01-04")).toBe("2026-12-28"));
  it("are counted and added", () => {
    expect(f.daysBetween("2026-12-05", "2026-12-08")).toBe(3);
    expect(f.dayAfter("2026-12-31", 1)).toBe("2027-01-01");
    expect(f.dayAfter("2028-03-01", -1)).toBe("2028-02-29");
  });
});

describe("moments", () => {
  const today = "2026-12-08";
  it("are Shanghai's whatever offset they come with", () => {
    expect(f.moment("2026-12-08T10:42:00+08:00", "zh", today)).toBe("今天10:42");
    expect(f.moment("2026-12-07T17:30:00Z", "zh", today)).toBe("今天01:30");
    expect(f.moment("2026-12-07T10:42:00+08:00", "zh", today)).toBe("昨天10:42");
    expect(f.moment("2026-12-01T09:05:00+08:00", "zh", today)).toBe("12月1日09:05");
    expect(f.moment("2026-12-01T09:05:00+08:00", "en", today)).toBe("1 Dec, 09:05");
    expect(f.momentShort("2026-12-08T10:42:00+08:00", "zh", today)).toBe("10:42");
  });

  it.each([
    ["10:20", "10:20:00"],
    ["1020", "10:20:00"],
    ["10点20", "10:20:00"],
    ["９：０５", "09:05:00"],
    ["9", "09:00:00"],
    ["24:00", null],
    ["10:75", null],
    ["傍晚", null],
  ])("%s is read as %s", (text, time) => expect(f.timeOf(text)).toBe(time));

  it.each([
    ["21:59:00", false],
    ["22:00:00", true],
    ["07:59:59", true],
    ["08:00:00", false],
  ])("a visit at %s at an odd hour: %s", (time, odd) => expect(f.oddHour(time)).toBe(odd));
});

it("a document number is shortened to what is looked for", () => {
  expect(f.shortNo("青资助还通〔2026〕10123号")).toBe("10123号");
  expect(f.shortNo("something else")).toBe("something else");
});

it("a visit's sentence loses only its own day", () => {
  expect(f.withoutDay("12月8日10:20，无人在家，答应12月15日前还。")).toBe("10:20，无人在家，答应12月15日前还。");
  expect(f.withoutDay("县里电话通知")).toBe("县里电话通知");
});
