import { AgentctlError, asAgentctlError } from "../../core/errors.ts";
import { isTerminal, openStates } from "../../core/machine.ts";
import type { Result } from "../../protocol/methods.ts";
import { type Daemon, show } from "./context.ts";

/** What may be kept back: every open task that is not at work. */
const holdable = openStates.filter((state) => state !== "working");

/** Keeps a task that is not at work from being started, or lets it go again. */
export async function setHeld(
  daemon: Daemon,
  ref: string | number,
  held: boolean,
  actor: string,
): Promise<Result<"tasks/hold">> {
  const { engine } = daemon;
  const task = await engine.require(ref);
  if (isTerminal(task.state))
    throw new AgentctlError("TaskImmutable", { id: task.id, state: task.state, allowed: openStates });
  if (held && task.state === "working") {
    const reason = `task ${task.id} is working: hold keeps back what is not at work yet`;
    const hint = `agentctl pause ${task.id}`;
    throw new AgentctlError("UnsupportedOperation", {
      id: task.id,
      state: task.state,
      allowed: holdable,
      reason,
      hint,
    });
  }
  if (task.held === held) return { task: await show(daemon, task), changed: false };
  const event = { cause: held ? "hold" : "release", actor, at: engine.clock.now() };
  const states = held ? holdable : openStates;
  try {
    const changed = await engine.store.update(task.id, { held }, { states, event });
    engine.kick();
    return { task: await show(daemon, changed), changed: true };
  } catch (error) {
    // It was started or ended while the request was under way: refused as it is now.
    if (asAgentctlError(error).name === "TaskImmutable") return await setHeld(daemon, ref, held, actor);
    throw error;
  }
}
