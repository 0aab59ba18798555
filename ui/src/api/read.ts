// Reads of the desk, kept while the window is open and read again when a call made one of their tags stale.
// A page shows what is kept at once; an older answer must never replace a newer one.
import { onScopeDispose, shallowReactive, toRef, watch } from "vue";
import type { Ref } from "vue";

import { failureOf } from "./answer";
import type { CallName, ReplyOf, With } from "./answer";
import { call, onStale } from "./call";
import type { Failing } from "./answer";
import type { Tag } from "./gen/Tag";

type Kept = {
  name: CallName;
  args: unknown;
  tags: readonly Tag[];
  readers: number;
  asked: number;
  answered: number;
  state: { data: unknown; failure: Failing | null; loading: boolean };
};

const kept = new Map<string, Kept>();
/** Answers that no page shows are kept up to this many. */
const KEPT_UNREAD = 60;

async function readAgain(entry: Kept): Promise<void> {
  entry.asked += 1;
  const turn = entry.asked;
  entry.state.loading = true;
  let data: unknown;
  let failure: Failing | null = null;
  try {
    data = await call(entry.name, entry.args as With<CallName>);
  } catch (error) {
    failure = failureOf(error);
  }
  if (turn < entry.answered) return;
  entry.answered = turn;
  if (failure === null) entry.state.data = data;
  entry.state.failure = failure;
  if (turn === entry.asked) entry.state.loading = false;
}

onStale((tags) => {
  for (const [key, entry] of kept) {
    if (!entry.tags.some((tag) => tags.includes(tag))) continue;
    if (entry.readers > 0) void readAgain(entry);
    else kept.delete(key);
  }
});

/** Forgets every kept answer; for locking and for tests. */
export function forgetReads(): void {
  kept.clear();
}

/** What a page holds of one read. */
export type Read<N extends CallName> = {
  /** The reply, once there is one. */
  data: Ref<ReplyOf<N> | null>;
  /** Why the last try was refused. */
  failure: Ref<Failing | null>;
  /** Whether an answer is on its way. */
  loading: Ref<boolean>;
  /** Asks again now. */
  again: () => Promise<void>;
};

/** Reads `name` with what `args` gives (null: not yet), and again whenever one of `tags` goes stale. */
export function useRead<N extends CallName>(name: N, args: () => With<N> | null, tags: readonly Tag[]): Read<N> {
  const shown = shallowReactive<{ data: ReplyOf<N> | null; failure: Failing | null; loading: boolean }>({
    data: null,
    failure: null,
    loading: false,
  });
  let current: Kept | null = null;
  let unfollow: (() => void) | null = null;

  function release(): void {
    unfollow?.();
    if (current !== null) current.readers -= 1;
    current = null;
  }

  function follow(entry: Kept): void {
    entry.readers += 1;
    current = entry;
    unfollow = watch(
      () => [entry.state.data, entry.state.failure, entry.state.loading] as const,
      ([data, failure, loading]) => {
        shown.data = (data ?? null) as ReplyOf<N> | null;
        shown.failure = failure;
        shown.loading = loading;
      },
      { immediate: true, flush: "sync" },
    );
  }

  watch(
    () => {
      const given = args();
      return given === null ? null : JSON.stringify(given);
    },
    (given) => {
      release();
      if (given === null) {
        shown.data = null;
        shown.failure = null;
        shown.loading = false;
        return;
      }
      const key = `${name} ${given}`;
      let entry = kept.get(key);
      if (entry === undefined) {
        if (kept.size > KEPT_UNREAD) {
          for (const [old, other] of kept) if (other.readers === 0) kept.delete(old);
        }
        entry = {
          name,
          args: JSON.parse(given),
          tags,
          readers: 0,
          asked: 0,
          answered: 0,
          state: shallowReactive({ data: null, failure: null, loading: false }),
        };
        kept.set(key, entry);
      }
      follow(entry);
      void readAgain(entry);
    },
    { immediate: true },
  );
  onScopeDispose(release);

  return {
    data: toRef(shown, "data") as Ref<ReplyOf<N> | null>,
    failure: toRef(shown, "failure"),
    loading: toRef(shown, "loading"),
    again: async () => {
      if (current !== null) await readAgain(current);
    },
  };
}
