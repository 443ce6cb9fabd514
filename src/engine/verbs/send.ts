import { AgentctlError } from "../../core/errors.ts";
import type { Task } from "../../core/task.ts";
import type { Engine } from "../engine.ts";
import { refuseMoved } from "../refusals.ts";
import { answer } from "./answer.ts";

/** What is sent: a text, the end of the input on the task's pipe, or both. */
export interface SendInput {
  text?: string;
  /** A pipe gets a newline after the text, unless this is false. */
  newline?: boolean;
  eof?: boolean;
  actor: string;
}

/**
 * Stores a message for a task: a task with a pipe for stdin reads it there, any other task when it asks for messages.
 * Returns the message's number once it is durable. Rejects with `UnsupportedOperation` if the task would never read it.
 */
export async function send(engine: Engine, ref: string | number, input: SendInput): Promise<number> {
  const { text, newline = true, eof = false, actor } = input;
  const task = await engine.require(ref);
  refuseMoved(task);
  if (text !== undefined && waitsForMessage(task)) {
    await answer(engine, task.id, { text, actor });
    return 0;
  }
  if (text === undefined && !eof) {
    throw new AgentctlError("InvalidParams", { field: "text", reason: "give a text, or eof", id: task.id });
  }
  const isPiped = task.stdin === "pipe";
  if (!isPiped) await requireReader(engine, task, eof);
  const { inbox } = engine.store;
  const fields = { at: engine.clock.now(), actor };
  const line = isPiped && newline ? `${text}\n` : text;
  let message = 0;
  if (text !== undefined && line !== "") message = await inbox.add(task.id, { ...fields, text: line ?? "" });
  if (eof) message = await inbox.add(task.id, { ...fields, text: "", eof });
  engine.pipes.get(task.id)?.check();
  engine.active.get(task.id)?.link?.message();
  return message;
}

/** Throws if the task never reads messages. A module asks for them, and so may a program that has said hello. */
async function requireReader(
  engine: Engine,
  { id, kind, state, endedAt }: Task,
  eof: boolean,
): Promise<void> {
  // The store throws another error for a task that has ended, and that one comes first.
  if (endedAt !== null) return;
  const attempts = kind === "program" ? await engine.store.attempts(id) : [];
  const isReader = kind !== "program" || attempts.some(({ saidHello }) => saidHello);
  if (isReader && !eof) return;
  const reason = `task ${id} has no pipe for its stdin${isReader ? "" : ", and has not said hello: it would never read a message"}`;
  const hint = "agentctl run --stdin pipe <program> gives the program a pipe that agentctl send writes to";
  throw new AgentctlError("UnsupportedOperation", { id, state, reason, hint });
}

/** Returns whether an agent waits for the message of its next turn; the message is then sent as the answer. */
function waitsForMessage({ kind, state, agentReport }: Task): boolean {
  return kind === "agent" && state === "input-required" && agentReport?.asking?.kind === "message";
}
