/** Actions of the plan other than starts: pausing working tasks for others or for memory, and resuming them. */
import { asAgentctlError } from "../../core/errors.ts";
import type { PauseCause, ResumesWith } from "../../core/task.ts";
import type { Engine } from "../engine.ts";
import { hasMoved } from "../refusals.ts";
import { pause } from "../verbs/pause.ts";
import { resumeByItself } from "../verbs/resume.ts";
import type { Action } from "./plan.ts";

/** Does one action; resolves when that is durable. A pause then continues in the background. */
export async function act(engine: Engine, action: Exclude<Action, { kind: "start" }>): Promise<void> {
  if (action.kind === "resume") {
    if (action.with === "memory") engine.memoryActionAt = engine.clock.now();
    await resumeByItself(engine, action.id, action.with === "memory" ? "limit" : "preempted");
  } else if (action.kind === "preempt") {
    const reason = `task ${action.for} has a higher priority`;
    await pauseFor(engine, action.id, { cause: "preempted", resumesWith: "slot", reason });
  } else {
    engine.memoryActionAt = engine.clock.now();
    const reason = "the machine is short of memory (memory.reserve)";
    await pauseFor(engine, action.id, { cause: "limit", resumesWith: "memory", reason });
  }
}

interface PauseDetails {
  cause: PauseCause;
  resumesWith: ResumesWith;
  reason: string;
}

async function pauseFor(engine: Engine, id: number, details: PauseDetails): Promise<void> {
  try {
    await pause(engine, id, { ...details, mode: "checkpoint", actor: "daemon", wait: false });
  } catch (error) {
    // The task has ended or was paused in the meantime: its slots are free, or will be.
    if (hasMoved(error) || ["TaskNotPausable", "TaskNotFound"].includes(asAgentctlError(error).name)) return;
    throw error;
  }
}
