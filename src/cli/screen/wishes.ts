/** Sends the request of a key to the daemon; returns a line about the result. */
import type { RpcClient } from "../../protocol/rpc-client.ts";
import { pauseWords } from "../text/pause-words.ts";
import type { Wish } from "./watch-state.ts";

type Request = Exclude<Wish, { act: "quit" }>;

/** Returns the line to show until the response arrives. */
export function beforeWords(wish: Request): string {
  const words = {
    pause: "pausing",
    resume: "resuming",
    cancel: "canceling",
    hold: "holding",
    release: "releasing",
    answer: "answering",
    "hold queue": "holding",
    "release queue": "releasing",
  }[wish.act];
  return "id" in wish ? `${words} task ${wish.id}…` : `${words} queue ${wish.name}…`;
}

export async function fulfilled(
  rpc: RpcClient,
  wish: Request,
  actor: string,
  now: () => number,
): Promise<string> {
  switch (wish.act) {
    case "pause": {
      const paused = await rpc.call("tasks/pause", { id: wish.id, actor });
      if (!("task" in paused)) return "";
      const { line, notes } = pauseWords(paused, {}, now());
      return [line ?? "", ...notes].join("  ").trim();
    }
    case "resume":
      await rpc.call("tasks/resume", { id: wish.id, actor });
      return `task ${wish.id} resumed`;
    case "cancel":
      await rpc.call("tasks/cancel", { id: wish.id, actor });
      return `task ${wish.id} canceled`;
    case "hold":
      await rpc.call("tasks/hold", { id: wish.id, actor });
      return `task ${wish.id} held`;
    case "release":
      await rpc.call("tasks/release", { id: wish.id, actor });
      return `task ${wish.id} released`;
    case "answer":
      await rpc.call("tasks/answer", { id: wish.id, text: wish.text, actor });
      return `task ${wish.id} answered`;
    case "hold queue":
      await rpc.call("queues/hold", { name: wish.name });
      return `queue ${wish.name} held`;
    case "release queue":
      await rpc.call("queues/release", { name: wish.name });
      return `queue ${wish.name} released`;
  }
}
