// How an answer of the desk is read, and how a refusal is carried to the page that asked.
// It must never word a refusal itself, except where no desk answered at all.
import type { Answer } from "./gen/Answer";
import type { Calls } from "./gen/Calls";
import type { Failure } from "./gen/Failure";
import type { Tag } from "./gen/Tag";

/** The name of a call. */
export type CallName = keyof Calls;
/** What a call takes. */
export type With<N extends CallName> = Calls[N]["with"];
/** What a call gives. */
export type ReplyOf<N extends CallName> = Calls[N]["reply"];

/** A refusal as a page sees it: the desk's own, or that no desk answered. */
export type Failing = Omit<Failure, "code"> & { code: Failure["code"] | "DESK_SILENT" };

/** The road to the desk: the window's own, or the browser's. */
export type Courier = {
  call(name: CallName, args: unknown): Promise<Answer>;
  blob(sha256: string): Promise<ArrayBuffer>;
};

/** The desk did not do what was asked; nothing has changed. Carries the sentence in both languages. */
export class Refused extends Error {
  readonly failure: Failing;
  constructor(failure: Failing) {
    super(failure.en);
    this.name = "Refused";
    this.failure = failure;
  }
}

/** The refusal when the desk itself did not answer. */
export function unanswered(): Refused {
  return new Refused({
    code: "DESK_SILENT",
    field: null,
    zh: "本机程序没有回答。请关掉窗口，再打开一次。已经记下的都在。",
    en: "The program on this computer did not answer. Close the window and open it again. Everything kept is safe.",
    incident: null,
    facts: {},
  });
}

/** The failure that an error carries; anything unknown becomes "did not answer". */
export function failureOf(error: unknown): Failing {
  return error instanceof Refused ? error.failure : unanswered().failure;
}

/** The reply and the tags of an answer. Throws `Refused` where the desk refused. */
export function unwrap<N extends CallName>(answer: Answer): { reply: ReplyOf<N>; stale: Tag[] } {
  if ("ok" in answer) {
    return { reply: answer.ok.reply.reply as ReplyOf<N>, stale: answer.ok.stale };
  }
  throw new Refused(answer.fail);
}
