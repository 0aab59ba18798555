// A form that keeps what stands in it with every key, so that neither a crash nor an empty battery costs a word, and
// shows it again when it is opened. Keys that fall while the disk is busy go together with the next write; the last one
// always gets there. Nothing of it is a record.
import { onScopeDispose, ref, watch } from "vue";
import type { Ref } from "vue";

import { call } from "../api/call";

/** Other writing than this is not read: forms change with the program. */
const WRITING = 1;

/** The key under which forms about no family are kept. */
export type DraftOf = { form: string; household: string | null };

export type Draft = {
  /** Whether it is known what was kept of the form; only then may it be filled. */
  ready: Ref<boolean>;
  /** Whether the form shows what was kept. */
  restored: Ref<boolean>;
  /** The form was saved or given up: nothing of it is kept any more. */
  done: () => Promise<void>;
};

/** Follows `state` (what stands in the form, as plain data) and gives `restore` what was kept of it, once. */
export function useDraft<T>(of: DraftOf, state: () => T | null, restore: (kept: T) => void): Draft {
  const ready = ref(false);
  const restored = ref(false);
  let waiting: string | null = null;
  let writing: Promise<void> | null = null;
  let over = false;

  async function write(): Promise<void> {
    while (waiting !== null) {
      const text = waiting;
      waiting = null;
      try {
        await call("KeepDraft", { ...of, text });
      } catch {
        // Saving the form itself says what is wrong with the disk, or that the desk is locked.
      }
    }
  }

  function follow(): void {
    let last = JSON.stringify(state());
    watch(
      () => JSON.stringify(state()),
      (now) => {
        if (over || now === last) return;
        // A form that is only now made out of what the desk said is not filled by anybody yet.
        const made = last === "null";
        last = now;
        if (made || now === "null") return;
        waiting = JSON.stringify({ writing: WRITING, state: state() });
        writing ??= write().finally(() => (writing = null));
      },
      { flush: "sync" },
    );
  }

  async function begin(): Promise<void> {
    try {
      const { text } = await call("Draft", of);
      const kept = text === null ? null : (JSON.parse(text) as { writing?: unknown; state?: T });
      if (kept?.writing === WRITING && kept.state !== undefined && !over) {
        restore(kept.state);
        restored.value = true;
      }
    } catch {
      // A form that cannot be read again begins empty.
    }
    if (over) return;
    ready.value = true;
    follow();
  }

  async function done(): Promise<void> {
    over = true;
    waiting = null;
    await writing;
    try {
      await call("DropDraft", of);
    } catch {
      // It is offered once more and can be dropped there.
    }
  }

  onScopeDispose(() => {
    // What waits is still written; what is answered after the page has gone changes nothing.
    over = true;
  });
  void begin();
  return { ready, restored, done };
}
