import type { Context } from "../../command/context.ts";
import { callDaemon } from "../../command/session.ts";
import { usage } from "../../command/usage.ts";
import { madeRoom } from "../../input/caller-environment.ts";
import { asTyped, type RunValues, submissionOf, type Work } from "../../input/submission.ts";

/** The options for one task, or for waiting for one. */
const ALONE = ["follow", "wait", "key", "session", "stdin"] as const;

/** `run --each`: submits a task of the agent for each line of the prompt, all or none; prints their ids in order. */
export async function submitEach(context: Context, work: Work, given: RunValues): Promise<number> {
  const { out } = context;
  if (given.agent === undefined) throw usage("--each is for coding agents: it needs --agent");
  const alone = ALONE.find((name) => given[name] !== undefined && given[name] !== false);
  if (alone !== undefined) throw usage(`either --each or --${alone}: it is for one task`);
  const { prompt, env, cwd, inherited, ...fields } = await submissionOf(context, work, given);
  const lines = (prompt ?? "").split(/\r?\n/).filter((line) => line.trim() !== "");
  await madeRoom(context);
  const tasks = lines.map((line) => ({ ...fields, prompt: line }));
  const shared = { env, cwd, inherited };
  const made = await callDaemon(context, "tasks/batch", { tasks, ...shared }).catch((error) => {
    throw asTyped(error);
  });
  if (out.json) out.data(made.tasks);
  else for (const { id } of made.tasks) out.line(String(id));
  return 0;
}
