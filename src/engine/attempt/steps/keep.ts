import { AgentctlError } from "../../../core/errors.ts";
import type { Kept } from "../../../core/task.ts";
import type { Engine } from "../../engine.ts";
import type { ActiveAttempt } from "../active-attempt.ts";

const MAX_KEPT_BYTES = 64 * 1024;

/** Saves a value of a running step for the attempt that repeats it. Rejects with `CheckpointTooLarge` over 64 KiB. */
export async function keep(engine: Engine, active: ActiveAttempt, entry: Kept): Promise<void> {
  const { taskId: id, token } = active;
  const size = Buffer.byteLength(entry.value);
  if (size > MAX_KEPT_BYTES) {
    const subject = `what step ${JSON.stringify(entry.name)} keeps`;
    throw new AgentctlError("CheckpointTooLarge", {
      id,
      state: "working",
      size,
      limit: MAX_KEPT_BYTES,
      what: subject,
    });
  }
  await engine.store.keep(token, entry);
}
