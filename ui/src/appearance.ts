// Size of type and background, chosen by the person and remembered on this computer.
import { ref } from "vue";

export type Size = "normal" | "large";
export type Theme = "light" | "dark";

function kept<T extends string>(key: string, other: T, otherwise: T): T {
  return globalThis.localStorage?.getItem(key) === other ? other : otherwise;
}

export const size = ref<Size>(kept<Size>("ruhu.size", "large", "normal"));
export const theme = ref<Theme>(kept<Theme>("ruhu.theme", "dark", "light"));

/** Puts the choices on the page. */
export function dress(): void {
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
