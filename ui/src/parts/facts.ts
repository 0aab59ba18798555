// Records by their kind's word, for lists that may hold some of a newer version. It must never drop one it does not know.
import { codes, t, word } from "../text";

/** The word of a record's kind; a newer version's kind has none. */
export function factWord(kind: string): string {
  const known = codes("FactKind").find((code) => code === kind);
  return known === undefined ? t("sync.newer") : word("FactKind", known);
}
