// How money, days and times are written for people, in Chinese and in English.
// Civil time is Asia/Shanghai; nothing here may read the machine's clock or its time zone.

/** The languages of the ui. */
export type Lang = "zh" | "en";

const SHANGHAI_MS = 8 * 3600 * 1000;
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const WEEKDAYS_EN = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const WEEKDAYS_ZH = "日一二三四五六";

/** Groups of three digits: 3917 → 3,917. */
export function grouped(n: number): string {
  return String(n).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** Fen as yuan with two decimals and no sign of currency: 36337 → 363.37. */
export function yuan(fen: number): string {
  const whole = Math.trunc(Math.abs(fen) / 100);
  const rest = Math.abs(fen) % 100;
  return `${fen < 0 ? "-" : ""}${grouped(whole)}.${String(rest).padStart(2, "0")}`;
}

/** Fen as money: 123400 → ¥1,234.00. */
export function money(fen: number): string {
  return fen < 0 ? `-¥${yuan(-fen)}` : `¥${yuan(fen)}`;
}

/** Fen of a typed amount in yuan, or null: "1,234.5" → 123450. Also reads full-width digits and marks. */
export function fenOf(text: string): number | null {
  const plain = halfWidth(text).replace(/[¥,\s元]/g, "");
  const match = /^(\d{1,9})(?:\.(\d{1,2}))?$/.exec(plain);
  if (match === null) return null;
  return Number(match[1]) * 100 + Number((match[2] ?? "").padEnd(2, "0"));
}

/** Full-width digits, letters and marks as plain ones. */
export function halfWidth(text: string): string {
  return text
    .replace(/[\uff01-\uff5e]/g, (c) => String.fromCharCode(c.charCodeAt(0) - 0xfee0))
    .replace(/[\u3000]/g, " ")
    .replace(/[。．]/g, ".");
}

type Civil = { year: number; month: number; day: number };

function civil(date: string): Civil | null {
  const match = /^(\d{4})-(\d{2})-(\d{2})/.exec(date);
  return match === null ? null : { year: Number(match[1]), month: Number(match[2]), day: Number(match[3]) };
}

function dayNumber(c: Civil): number {
  return Math.round(Date.UTC(c.year, c.month - 1, c.day) / 86_400_000);
}

/** Days from one civil date to another; null where one is no date. */
export function daysBetween(from: string, to: string): number | null {
  const a = civil(from);
  const b = civil(to);
  return a === null || b === null ? null : dayNumber(b) - dayNumber(a);
}

/** The civil date some days after (or before) another. */
export function dayAfter(date: string, days: number): string {
  const c = civil(date);
  if (c === null) return date;
  return new Date((dayNumber(c) + days) * 86_400_000).toISOString().slice(0, 10);
}

/** A civil date: 12月8日, 8 Dec; with the year where it is not this year's. */
export function day(date: string, lang: Lang, today?: string): string {
  const c = civil(date);
  if (c === null) return date;
  const thisYear = today === undefined ? c.year : (civil(today)?.year ?? c.year);
  if (lang === "zh") return `${c.year === thisYear ? "" : `${c.year}年`}${c.month}月${c.day}日`;
  return `${c.day} ${MONTHS[c.month - 1] ?? ""}${c.year === thisYear ? "" : ` ${c.year}`}`;
}

/** The weekday of a civil date: 星期二, Tuesday. */
export function weekday(date: string, lang: Lang): string {
  const c = civil(date);
  if (c === null) return "";
  const at = new Date(Date.UTC(c.year, c.month - 1, c.day)).getUTCDay();
  return lang === "zh" ? `星期${WEEKDAYS_ZH.charAt(at)}` : (WEEKDAYS_EN[at] ?? "");
}

/** The civil date and the clock time in Shanghai of an RFC 3339 moment. */
export function civilOf(moment: string): { date: string; time: string } | null {
  const ms = Date.parse(moment);
  if (Number.isNaN(ms)) return null;
  const iso = new Date(ms + SHANGHAI_MS).toISOString();
  return { date: iso.slice(0, 10), time: iso.slice(11, 16) };
}

/** A moment as people say it: 今天10:42, 昨天17:05, 12月8日10:42. */
export function moment(at: string, lang: Lang, today: string): string {
  const c = civilOf(at);
  if (c === null) return at;
  const ago = daysBetween(c.date, today);
  if (ago === 0) return lang === "zh" ? `今天${c.time}` : `today ${c.time}`;
  if (ago === 1) return lang === "zh" ? `昨天${c.time}` : `yesterday ${c.time}`;
  return lang === "zh" ? `${day(c.date, lang, today)}${c.time}` : `${day(c.date, lang, today)}, ${c.time}`;
}

/** A moment for the status line: the time alone today, else the day with it. */
export function momentShort(at: string, lang: Lang, today: string): string {
  const c = civilOf(at);
  if (c === null) return at;
  return c.date === today ? c.time : moment(at, lang, today);
}

/** Hours and minutes of a civil time: 10:20:00 → 10:20. */
export function clock(time: string): string {
  return time.slice(0, 5);
}

/** A typed civil date near `today`, or null: 12-8, 12.8, 12月8日, 2026-12-08, 8 (this month). */
export function dateOf(text: string, today: string): string | null {
  const t = civil(today);
  const plain = halfWidth(text).trim();
  if (t === null || plain === "") return null;
  const parts = plain.match(/\d+/g)?.map(Number) ?? [];
  if (!/^[\d\s./\-年月日号]+$/.test(plain) || parts.length > 3) return null;
  const [a, b, c] = parts;
  let found: Civil;
  if (a !== undefined && b !== undefined && c !== undefined) found = { year: a < 100 ? 2000 + a : a, month: b, day: c };
  else if (a !== undefined && b !== undefined) found = nearest(t, a, b);
  else if (a !== undefined && a <= 31) found = { ...t, day: a };
  else if (/^\d{8}$/.test(plain)) found = { year: Number(plain.slice(0, 4)), month: Number(plain.slice(4, 6)), day: Number(plain.slice(6)) };
  else return null;
  const iso = `${String(found.year).padStart(4, "0")}-${two(found.month)}-${two(found.day)}`;
  const check = new Date(`${iso}T00:00:00Z`);
  return !Number.isNaN(check.getTime()) && check.toISOString().slice(0, 10) === iso ? iso : null;
}

/** In January "12-28" is last year's; in December "1-5" is next year's. */
function nearest(today: Civil, month: number, dayOfMonth: number): Civil {
  const years = [today.year, today.year - 1, today.year + 1];
  const at = (year: number) => Math.abs(dayNumber({ year, month, day: dayOfMonth }) - dayNumber(today));
  const year = years.reduce((best, next) => (at(next) < at(best) ? next : best));
  return { year, month, day: dayOfMonth };
}

function two(n: number): string {
  return String(n).padStart(2, "0");
}

/** A typed time of day as HH:MM:SS, or null: 10:20, 1020, 10点20, 10.20, 9. */
export function timeOf(text: string): string | null {
  const plain = halfWidth(text).trim().replace(/[点时.：]/g, ":").replace(/分$/, "");
  const match = /^(\d{1,2})(?::(\d{1,2})?)?$/.exec(plain) ?? /^(\d{1,2})(\d{2})$/.exec(plain);
  if (match === null) return null;
  const hour = Number(match[1]);
  const minute = Number(match[2] ?? "0");
  return hour < 24 && minute < 60 ? `${two(hour)}:${two(minute)}:00` : null;
}

/** Whether a visit at this civil time of day (HH:MM…) falls between 22:00 and 08:00. */
export function oddHour(time: string): boolean {
  const at = time.slice(0, 5);
  return at >= "22:00" || at < "08:00";
}

/** A document number's short form for lists: 青资助还通〔2026〕10123号 → 10123号. */
export function shortNo(docNo: string): string {
  const match = /〕(\d+号)/.exec(docNo);
  return match?.[1] ?? docNo;
}

/** A visit's sentence where its day stands beside it already: 12月8日10:20，… → 10:20，… */
export function withoutDay(sentence: string): string {
  return sentence.replace(/^\d{1,2}月\d{1,2}日(?=\d{2}:\d{2})/, "");
}

/** Bytes for people: 1.4 MB. */
export function bytes(n: number): string {
  if (n < 1024) return `${n} B`;
  if (n < 1024 * 1024) return `${(n / 1024).toFixed(0)} KB`;
  if (n < 1024 * 1024 * 1024) return `${(n / 1024 / 1024).toFixed(1)} MB`;
  return `${(n / 1024 / 1024 / 1024).toFixed(1)} GB`;
}
