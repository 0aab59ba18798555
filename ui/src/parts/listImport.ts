// A list of the bank's on its way in: chosen, tried at once and again after each thing that a person says of it, then sent to the head,
// or loaded where the head has agreed already. A trial writes nothing; what a list or a feed says is its own part's to show.
import { computed, ref } from "vue";
import type { Ref } from "vue";

import type { ColumnChoice } from "../api/gen/ColumnChoice";
import type { ColumnRead } from "../api/gen/ColumnRead";
import type { FileInput } from "../api/gen/FileInput";
import type { TextEncoding } from "../api/gen/TextEncoding";
import { inputOf } from "./files";
import { useTask } from "./task";

/** What every import is asked with. */
export type ListAsked = {
  file: FileInput;
  encoding: TextEncoding | null;
  as_of: string | null;
  columns: ColumnChoice[] | null;
  dry_run: boolean;
};
/** What every import answers: written it is once loaded, a proposal once it was sent to the head. */
type Answer = { encoding: TextEncoding | null; columns: ColumnRead[]; written: boolean; proposal: string | null };

export function useListImport<R extends Answer>(order: (with_: ListAsked) => Promise<R>) {
  const name = ref("");
  const input = ref<FileInput | null>(null);
  const asOf = ref<string | null>(null);
  const report = ref(null) as Ref<R | null>;
  const encoding = ref<TextEncoding | null>(null);
  /** The file is a text, or cannot be read as the one that was chosen: only then bytes can mean different characters. */
  const isText = ref(false);
  /** What a person said that headers mean; none: as at the last import. */
  const said = ref<ColumnChoice[] | null>(null);
  const columns = ref<ColumnRead[]>([]);
  const task = useTask();
  /** It was sent to the head: nothing that is said of it now would reach anybody. */
  const proposed = computed(() => report.value !== null && !report.value.written && report.value.proposal !== null);
  /** It was sent or loaded: there is nothing more to say of it. */
  const settled = computed(() => proposed.value || report.value?.written === true);

  async function choose(file: File): Promise<void> {
    name.value = file.name;
    report.value = null;
    encoding.value = null;
    isText.value = false;
    said.value = null;
    columns.value = [];
    input.value = await inputOf(file);
    await send(true);
  }
  async function send(dryRun: boolean): Promise<void> {
    const file = input.value;
    if (file === null) return;
    const with_ = { file, encoding: encoding.value, as_of: asOf.value, columns: said.value, dry_run: dryRun };
    const done = await task.run(() => order(with_));
    report.value = done ?? report.value;
    if (done === null) {
      // Headers that are not understood: a person can say what they mean.
      const headers = task.failure.value?.facts["columns"] ?? "";
      columns.value = headers === "" ? [] : (JSON.parse(headers) as ColumnRead[]);
      isText.value ||= columns.value.every((one) => one.column === null) && /\.(csv|txt|html?|xls)$/i.test(name.value);
      return;
    }
    encoding.value = done.encoding;
    columns.value = done.columns;
    isText.value = done.encoding !== null && !settled.value;
  }
  /** Tried again at once, understood otherwise. */
  async function again(): Promise<void> {
    report.value = null;
    await send(true);
  }
  /** What headers mean. */
  async function mean(choices: ColumnChoice[]): Promise<void> {
    said.value = choices;
    await again();
  }
  /** Another way to understand a text's bytes. */
  async function readAs(chosen: TextEncoding): Promise<void> {
    encoding.value = chosen;
    await again();
  }
  return { name, input, asOf, report, proposed, settled, encoding, isText, said, columns, task, choose, send, again, mean, readAs };
}
