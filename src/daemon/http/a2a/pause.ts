/** The extension by which a client pauses and resumes a task: see docs/a2a-pause.md. */
import type { Task } from "@a2a-js/sdk";
import { RequestMalformedError } from "@a2a-js/sdk/errors";
import { defined } from "../../../core/defined.ts";
import { parseDuration } from "../../../core/time.ts";
import type { Agent } from "./agent.ts";
import type { Handler } from "./handler.ts";

/** The verb for each method's name. */
const verbs: Readonly<Record<string, "pause" | "resume">> = {
  "tasks/pause": "pause",
  "tasks/resume": "resume",
  PauseTask: "pause",
  ResumeTask: "resume",
};

/** Returns the verb of a method of the extension, or undefined for any other method. */
export function pauseVerb(method: unknown): "pause" | "resume" | undefined {
  return typeof method === "string" && Object.hasOwn(verbs, method) ? verbs[method] : undefined;
}

/** Pauses or resumes a task. A pause resolves when no process of the task runs. */
export async function pauseOrResume(
  agent: Agent,
  handler: Handler,
  verb: "pause" | "resume",
  raw: unknown,
): Promise<Task> {
  const params = (typeof raw === "object" && raw !== null ? raw : {}) as Record<string, unknown>;
  const ref = params.id ?? params.taskId ?? params.task_id;
  if (typeof ref !== "string" || ref === "") throw new RequestMalformedError({ message: "id is required" });
  const { id } = await agent.task(ref);
  if (verb === "pause") {
    const { mode, reason } = params as { mode?: "auto" | null; reason?: string | null };
    const graceMs = graceOf(params.grace);
    await agent.call("tasks/pause", {
      id,
      ...defined({ mode: mode ?? undefined, reason: reason ?? undefined, graceMs }),
    });
  } else await agent.call("tasks/resume", { id });
  return await handler.getTask({ id: ref, tenant: "" });
}

/** Parses a duration such as `30s`, or milliseconds. */
function graceOf(value: unknown): number | undefined {
  if (value === undefined || value === null) return undefined;
  const ms = typeof value === "string" ? parseDuration(value) : value;
  if (typeof ms === "number" && Number.isSafeInteger(ms) && ms >= 0) return ms;
  throw new RequestMalformedError({
    message: "grace is a duration such as 30s, or a number of milliseconds",
  });
}
