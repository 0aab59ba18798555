// Where somebody who said something works: the role and the places, as far as this desk knows them.
import type { Role } from "../api/gen/Role";
import { listMark, word } from "../text";

/** Role and places in a line; empty where neither is known. */
export function fromWhere(who: { role: Role | null; places: string[] }): string {
  return [...(who.role ? [word("Role", who.role)] : []), ...(who.places.length > 0 ? [who.places.join(listMark.value)] : [])].join(" · ");
}
