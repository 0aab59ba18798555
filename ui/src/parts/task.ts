// One thing being done for the person: whether it runs, and why it was refused.
import { computed, ref } from "vue";

import { failureOf } from "../api/answer";
import type { Failing } from "../api/answer";
import { said } from "../text";

/** Runs an order once at a time and keeps its refusal for the page to show. */
export function useTask() {
  const busy = ref(false);
  const failure = ref<Failing | null>(null);

  async function run<T>(order: () => Promise<T>): Promise<T | null> {
    if (busy.value) return null;
    busy.value = true;
    failure.value = null;
    try {
      return await order();
    } catch (error) {
      failure.value = failureOf(error);
      return null;
    } finally {
      busy.value = false;
    }
  }

  /** The refusal's sentence if it is about this field. Paths such as `visit.arrived` count by their last part. */
  function at(field: string): string | null {
    const named = failure.value?.field ?? null;
    if (failure.value === null || named === null) return null;
    return named === field || named.endsWith(`.${field}`) ? said(failure.value) : null;
  }

  /** The refusal, unless one of these fields shows it. */
  function elsewhere(fields: readonly string[]): Failing | null {
    return failure.value !== null && fields.some((field) => at(field) !== null) ? null : failure.value;
  }

  return { busy, failure, run, at, elsewhere, refused: computed(() => failure.value !== null) };
}
