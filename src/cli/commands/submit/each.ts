import type { Context } from "../../command/context.ts";
import { callDaemon } from "../../command/session.ts";
import { usage } from "../../command/usage.ts";
import { ensureHandOver } from "../../input/caller-environment.ts";
import { asTyped, type RunValues, submissionOf, type Work } from "../../input/submission.ts";

/** The options for one task, or for waiting for one. */
const SINGLE_TASK_OPTIONS = ["follow", "wait", "key", "session", "stdin"] as const;

/** `run --each`: submits a task of the agent for each line of the prompt, all or none; prints their ids in order. */
export async function submitEach(context: Context, work: Work, options: RunValues): Promise<number> {
  const { out } = context;
  if (options.agent === undefined) throw usage("--each is for coding agents: it needs --agent");
  const singleTaskOption = SINGLE_TASK_OPTIONS.find(
    (name) => options[name] !== undefined && options[name] !== false,
  );
  if (singleTaskOption !== undefined)
    throw usage(`either --each or --${singleTaskOption}: it is for one task`);
  const { prompt, env, cwd, inherited, ...fields } = await submissionOf(context, work, options);
  const lines = (prompt ?? "").split(/\r?\n/).filter((line) => line.trim() !== "");
  await ensureHandOver(context);
  const tasks = lines.map((line) => ({ ...fields, prompt: line }));
  const shared = { env, cwd, inherited };
  const response = await callDaemon(context, "tasks/batch", { tasks, ...shared }).catch((error) => {
    throw asTyped(error);
  });
  if (out.json) out.data(response.tasks);
  else for (const { id } of response.tasks) out.line(String(id));
  return 0;
}
