// The browser's road to the desk: `desk serve` on the same origin, loopback only.
import { Refused, unanswered } from "./answer";
import type { Courier } from "./answer";
import type { Answer } from "./gen/Answer";

async function reach(address: string, init?: RequestInit): Promise<Response> {
  try {
    return await fetch(address, init);
  } catch {
    throw unanswered();
  }
}

export const http: Courier = {
  async call(name, args) {
    const response = await reach(`/call/${name}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(args),
    });
    try {
      return (await response.json()) as Answer;
    } catch {
      throw unanswered();
    }
  },
  async blob(sha256) {
    const response = await reach(`/blob/${sha256}`);
    if (response.ok) return response.arrayBuffer();
    const answer = (await response.json().catch(() => null)) as Answer | null;
    throw answer !== null && "fail" in answer ? new Refused(answer.fail) : unanswered();
  },
};
