// The window's road to the desk: the commands `call`, `blob` and `print` of the shell.
import { invoke } from "@tauri-apps/api/core";

import { unanswered, Refused } from "./answer";
import type { Courier, Failing } from "./answer";
import type { Answer } from "./gen/Answer";

function isFailure(value: unknown): value is Failing {
  return typeof value === "object" && value !== null && "code" in value && "zh" in value;
}

async function asked<T>(command: string, args: Record<string, unknown>): Promise<T> {
  try {
    return await invoke<T>(command, args);
  } catch (error) {
    throw isFailure(error) ? new Refused(error) : unanswered();
  }
}

export const tauri: Courier = {
  call: (name, args) => asked<Answer>("call", { name, with: args }),
  blob: (sha256) => asked<ArrayBuffer>("blob", { sha256 }),
};

/** Hands a kept PDF to this machine's printer, without leaving a copy on the disk. */
export function print(sha256: string): Promise<void> {
  return asked("print", { sha256 });
}
