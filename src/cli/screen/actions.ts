/** Sends the request of a key to the daemon; returns a line about the result. */
import type { RpcClient } from "../../protocol/rpc-client.ts";
import { pauseWords } from "../text/pause-words.ts";
import type { Action } from "./watch-state.ts";

type DaemonAction = Exclude<Action, { act: "quit" }>;

/** Returns the line to show until the response arrives. */
export function pendingText(action: DaemonAction): string {
  const verbs = {
    pause: "pausing",
    resume: "resuming",
    cancel: "canceling",
    hold: "holding",
    release: "releasing",
    answer: "answering",
    "hold queue": "holding",
    "release queue": "releasing",
  }[action.act];
  return "id" in action ? `${verbs} task ${action.id}…` : `${verbs} queue ${action.name}…`;
}

export async function performAction(
  rpc: RpcClient,
  action: DaemonAction,
  actor: string,
  now: () => number,
): Promise<string> {
  switch (action.act) {
    case "pause": {
      const paused = await rpc.call("tasks/pause", { id: action.id, actor });
      if (!("task" in paused)) return "";
      const { line, notes } = pauseWords(paused, {}, now());
      return [line ?? "", ...notes].join("  ").trim();
    }
    case "resume":
      await rpc.call("tasks/resume", { id: action.id, actor });
      return `task ${action.id} resumed`;
    case "cancel":
      await rpc.call("tasks/cancel", { id: action.id, actor });
      return `task ${action.id} canceled`;
    case "hold":
      await rpc.call("tasks/hold", { id: action.id, actor });
      return `task ${action.id} held`;
    case "release":
      await rpc.call("tasks/release", { id: action.id, actor });
      return `task ${action.id} released`;
    case "answer":
      await rpc.call("tasks/answer", { id: action.id, text: action.text, actor });
      return `task ${action.id} answered`;
    case "hold queue":
      await rpc.call("queues/hold", { name: action.name });
      return `queue ${action.name} held`;
    case "release queue":
      await rpc.call("queues/release", { name: action.name });
      return `queue ${action.name} released`;
  }
}
