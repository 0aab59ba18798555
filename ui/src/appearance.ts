// Size of type and background, chosen by the person and remembered on this computer.
import { ref } from "vue";

export type Size = "normal" | "large";
export type Theme = "light" | "dark";

function kept<T extends string>(key: string, other: T, otherwise: T): T {
  return globalThis.localStorage?.getItem(key) === other ? other : otherwise;
}

export const size = ref<Size>(kept<Size>("ruhu.size", "large", "normal"));
export const theme = ref<Theme>(kept<Theme>("ruhu.theme", "dark", "light"));

/** How much larger 大字 is; the same number stands in tokens.css. */
const LARGE = 1.35;
const NARROW = 1160;
const TIGHT = 900;
const LOW = 620;

/**
 * Says on the page how much room there is, in the page's own pixels. 大字 leaves less of them than the window has, and
 * engines differ in what a media or container query means under zoom: so layouts ask `data-room` instead.
 */
function measure(): void {
  const scale = size.value === "large" ? LARGE : 1;
  const width = innerWidth / scale;
  const height = innerHeight / scale;
  const room = [width < NARROW ? "narrow" : "", width < TIGHT ? "tight" : "", height < LOW ? "low" : ""];
  document.documentElement.dataset["room"] = room.filter((one) => one !== "").join(" ");
  document.documentElement.style.setProperty("--room-height", `${Math.floor(height)}px`);
}

/** Puts the choices on the page, and keeps its measure of room true. */
export function dress(): void {
  measure();
  removeEventListener("resize", measure);
  addEventListener("resize", measure);
  document.documentElement.dataset["size"] = size.value;
  document.documentElement.dataset["theme"] = theme.value;
}

export function chooseSize(to: Size): void {
  size.value = to;
  globalThis.localStorage?.setItem("ruhu.size", to);
  dress();
}

export function chooseTheme(to: Theme): void {
  theme.value = to;
  globalThis.localStorage?.setItem("ruhu.theme", to);
  dress();
}
