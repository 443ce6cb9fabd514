import type { Result } from "../../protocol/methods.ts";
import { toolText } from "./agent-text.ts";
import { sizeText, untilText, whenText } from "./when.ts";

/** The daemon's response to the pause of one task. */
export type Paused = Extract<Result<"tasks/pause">, { task: unknown }>;

interface PauseText {
  line: string | null;
  notes: string[];
}

/** Returns the result of a pause as a line, and notes on what stays in use or what resume needs. */
export function pauseWords(
  { task, changed, continues, ...memory }: Paused,
  {
    at,
    until,
    reason,
  }: { at?: string | null | undefined; until?: string | undefined; reason?: string | undefined },
  now: number,
): PauseText {
  const { id, state, pause, checkpoint } = task;
  if (at === null) return lineOnly(`no pause of task ${id} is planned any more`);
  if (at !== undefined) return lineOnly(`task ${id} will be paused at ${whenText(at, now)}`);
  if (state !== "suspended")
    return lineOnly(`task ${id} is asked to pause; agentctl show ${id} tells when it has`);
  if (!changed) {
    const hasRequest = until !== undefined || reason !== undefined;
    const unchangedText = hasRequest ? ", and its pause stands as it was made" : "";
    return { line: null, notes: [`task ${id} is suspended already${unchangedText}`] };
  }
  const resumeNotes = pause?.until
    ? [`  it resumes at ${whenText(pause.until, now)}, ${untilText(pause.until, now)}`]
    : [];
  if (pause?.outcome === "frozen") {
    const notes = [...resumeNotes, ...memoryNotes(task, memory), ...clockNotes(task)];
    return { line: `task ${id} paused (frozen)`, notes };
  }
  const parts = [pause?.outcome ?? "", checkpoint ? `checkpoint ${checkpoint.seq}` : ""].filter(
    (part) => part !== "",
  );
  const line = `task ${id} paused${parts.length > 0 ? ` (${parts.join(", ")})` : ""}`;
  return { line, notes: [...resumeNotes, ...endNotes(task, continues ?? true, now)] };
}

/** Returns from where a task without a process continues, unless its checkpoint makes that clear. */
function endNotes(task: Paused["task"], continues: boolean, now: number): string[] {
  const { id, pause, agent } = task;
  if (pause?.outcome === "forced" || agent?.cut) return [`  ${continuationText(task, continues, now)}`];
  if (continues) return [];
  return [`  it has saved no checkpoint: agentctl resume ${id} --from-start begins again`];
}

function lineOnly(line: string): PauseText {
  return { line, notes: [] };
}

/** Returns a warning: a freeze does not stop the clocks of an agent and its provider. */
function clockNotes({ id, agent }: Paused["task"]): string[] {
  if (!agent) return [];
  const effect = `a command of ${agent.name} that outlasts its time limit is ended, or run again, when it goes on`;
  return [
    `  the clocks of the agent and its provider run on: ${effect}; agentctl pause ${id} --mode checkpoint`,
  ];
}

/**
 * Returns how much memory stays in use. To free it ends the process; a program without a checkpoint then starts over.
 */
function memoryNotes(
  { id, kind, checkpoint }: Paused["task"],
  { memoryBytes, processes }: Omit<Paused, "task" | "changed">,
): string[] {
  if (memoryBytes === undefined) return [];
  const holder =
    processes === 1 ? "its process keeps" : `its ${processes ?? ""} processes keep`.replace("  ", " ");
  const line = `  ${holder} ${sizeText(memoryBytes)} of memory; agentctl pause ${id} --mode checkpoint frees it`;
  const losesAll = kind === "program" && checkpoint === null;
  return losesAll ? [line, "  a program that saves no checkpoint begins again then"] : [line];
}

function continuationText(task: Paused["task"], continues: boolean, now: number): string {
  const { id, kind, agent, checkpoint } = task;
  if (agent?.cut) return `${agent.name} was interrupted, and this was cut off: ${toolText(agent.cut)}`;
  if (agent) return `${agent.name} was interrupted; its session goes on with agentctl resume ${id}`;
  if (checkpoint)
    return `it was ended; checkpoint ${checkpoint.seq} of ${whenText(checkpoint.createdAt, now)} stands`;
  if (continues)
    return kind !== "program"
      ? "it was ended; the steps that it has finished stand"
      : "it was ended; resume starts it again";
  return `it was ended and has saved no checkpoint: agentctl resume ${id} --from-start begins again`;
}
