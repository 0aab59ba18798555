// What one sitting needs to know: the home's state, whose desk it is, how it looks, and the line at the foot.
// Nothing here survives the window except language, size and background.
import { defineStore } from "pinia";
import { ref } from "vue";

import { busy, call, onLocked } from "./api/call";
import { failureOf } from "./api/answer";
import type { Failing } from "./api/answer";
import type { AboutView } from "./api/gen/AboutView";
import type { HomeView } from "./api/gen/HomeView";
import type { Remark } from "./api/gen/Remark";
import { forgetReads } from "./api/read";

/** What stands at the foot after something was done. */
export type Foot = {
  text: string;
  remarks: Remark[];
  tone: "pine" | "amber";
  /** What can still be done about it. */
  action: { label: string; to: string } | null;
};

const FOOT_MS = 10_000;
/** Nobody at the keyboard for so long: the desk is locked. The desk's own door counts as long. */
const IDLE_MS = 10 * 60_000;
/** The door is told so often that somebody is here while the page itself asks nothing. */
const TELL_MS = 60_000;
/** News and the change of page that comes with it lie closer together than this. */
const MOVE_MS = 1500;

export const useSession = defineStore("session", () => {
  const home = ref<HomeView | null>(null);
  const about = ref<AboutView | null>(null);
  const failure = ref<Failing | null>(null);
  const foot = ref<Foot | null>(null);
  const masked = ref(false);
  /** The desk locked itself: the unlock page says so. */
  const idled = ref(false);
  let toldAt = 0;
  let footTimer: ReturnType<typeof setTimeout> | undefined;

  async function look(): Promise<void> {
    try {
      failure.value = null;
      home.value = await call("Home", {});
      about.value = home.value.state === "OPEN" ? await call("About", {}) : null;
    } catch (error) {
      failure.value = failureOf(error);
    }
  }

  onLocked(() => {
    if (home.value?.state !== "OPEN") return;
    idled.value = true;
    forgetReads();
    void look();
  });

  // By the wall's clock: a timer stands still while the lid is closed.
  let used = Date.now();
  let told = 0;
  let waited = false;
  /** Somebody pressed a key or moved the pointer. */
  function touched(): void {
    used = Date.now();
    if (home.value?.state !== "OPEN" || used - told < TELL_MS) return;
    told = used;
    call("StayOpen", {}).catch(() => undefined);
  }
  /** Locks when nobody has been here for ten minutes; asked every few seconds. */
  function watchIdle(): void {
    // Whoever waits for a long contact to end is here, and is to see how it ended.
    const waits = busy();
    if (waits && waited) used = Date.now();
    waited = waits;
    if (home.value?.state !== "OPEN" || waits || Date.now() - used < IDLE_MS) return;
    idled.value = true;
    lock().catch(() => undefined);
  }

  function entered(as: AboutView): void {
    used = Date.now();
    idled.value = false;
    about.value = as;
    home.value = { state: "OPEN", practice: as.practice, bound: home.value?.bound ?? false, name: as.name, version: as.version };
  }

  async function lock(): Promise<void> {
    home.value = await call("Lock", {});
    about.value = null;
    foot.value = null;
    forgetReads();
  }

  /** Says at the foot what was done. Plain news leaves after ten seconds; remarks stay until closed. */
  function tell(text: string, more: Partial<Omit<Foot, "text">> = {}): void {
    clearTimeout(footTimer);
    toldAt = performance.now();
    const remarks = more.remarks ?? [];
    foot.value = { text, remarks, tone: more.tone ?? (remarks.length > 0 ? "amber" : "pine"), action: more.action ?? null };
    if (remarks.length === 0) footTimer = setTimeout(() => (foot.value = null), FOOT_MS);
  }

  /** Another page was opened: what was said with the step that led there stays, older news leaves. */
  function moved(): void {
    if (performance.now() - toldAt > MOVE_MS) hush();
  }

  function hush(): void {
    clearTimeout(footTimer);
    foot.value = null;
  }

  return { home, about, failure, foot, masked, idled, look, entered, lock, tell, hush, moved, touched, watchIdle };
});
