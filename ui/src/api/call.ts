// One typed call to the desk, by whichever road there is. After a call the tags it made stale are told to all readers.
// No page may reach the desk by any other way.
import { unwrap } from "./answer";
import type { CallName, Courier, ReplyOf, With } from "./answer";
import type { Tag } from "./gen/Tag";
import { http } from "./http";
import { tauri } from "./tauri";

/** Whether this runs in Ruhu's own window, not in a browser. */
export const inWindow = "__TAURI_INTERNALS__" in globalThis;

let courier: Courier = inWindow ? tauri : http;

/** Takes another road to the desk; tests bring their own. */
export function useCourier(other: Courier): void {
  courier = other;
}

const listeners = new Set<(tags: readonly Tag[]) => void>();

/** Hears of every set of tags that a call made stale. */
export function onStale(listener: (tags: readonly Tag[]) => void): void {
  listeners.add(listener);
}

let locked: (() => void) | null = null;

/** Hears when the desk says, in the middle of work, that it is locked or has no home. */
export function onLocked(listener: () => void): void {
  locked = listener;
}

/** Failures after which there is no open home any more. */
const SHUT: ReadonlySet<string> = new Set(["LOCKED", "NO_HOME", "LAPTOP_LOST"]);

let running = 0;

/** Whether an answer is still on its way: a contact over a bad line takes as long as it takes. */
export function busy(): boolean {
  return running > 0;
}

/** Asks the desk. Throws `Refused` with the desk's own sentence where it did not do it. */
export async function call<N extends CallName>(name: N, args: With<N>): Promise<ReplyOf<N>> {
  running += 1;
  const answer = await courier.call(name, args).finally(() => (running -= 1));
  if ("fail" in answer && SHUT.has(answer.fail.code)) locked?.();
  const { reply, stale } = unwrap<N>(answer);
  if (stale.length > 0) for (const listener of listeners) listener(stale);
  return reply;
}

/** The bytes of a kept blob. */
export function blob(sha256: string): Promise<ArrayBuffer> {
  return courier.blob(sha256);
}
