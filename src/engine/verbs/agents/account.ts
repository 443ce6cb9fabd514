/** Which coding-agent tasks share a usage limit of a provider. */
import { createHash } from "node:crypto";
import type { Task } from "../../../core/task.ts";
import type { Seed } from "../../../store/store.ts";
import type { Engine } from "../../engine.ts";
import { taskEnvironment } from "../../files/environment.ts";

/** Variables that determine who pays: keys and tokens of providers, and where an agent stores its login. */
const ACCOUNT_VARIABLES =
  /^(HOME|XDG_CONFIG_HOME|XDG_DATA_HOME|AWS_PROFILE)$|^(ANTHROPIC|CLAUDE|OPENAI|CODEX|OPENCODE|GEMINI|GOOGLE|AZURE|OPENROUTER|MISTRAL|GROQ|DEEPSEEK|XAI)_.*(KEY|TOKEN|HOME|DIR|BASE_URL|CONFIG|PROJECT|PROFILE)$/;

/**
 * Returns a hash that identifies the account of an agent in this environment, so that no key is stored; null for a task
 * without an agent.
 */
export function accountOf(
  engine: Engine,
  { agent, model, envHash }: Pick<Seed, "agent" | "model" | "envHash">,
): string | null {
  if (agent === null) return null;
  const env = taskEnvironment(engine, { envHash, envFile: null });
  const accountVariables = Object.entries(env).filter(
    ([name, text]) => ACCOUNT_VARIABLES.test(name) && text !== "",
  );
  // For an agent with many providers, the model begins with the provider.
  const provider = model?.includes("/") ? model.split("/")[0] : "";
  const identity = JSON.stringify([agent, provider, accountVariables.sort()]);
  return createHash("sha256").update(identity).digest("hex").slice(0, 32);
}

/** Returns the seed with the account of its agent; the new task waits if that account is at a limit. */
export async function withAccount(engine: Engine, seed: Seed): Promise<Seed> {
  const account = accountOf(engine, seed);
  const until = seed.onLimit === "wait" ? await limitOfAccount(engine, account) : null;
  if (until === null || until <= (seed.notBefore ?? 0)) return { ...seed, account };
  return { ...seed, account, notBefore: until, delay: "limit" };
}

/** Returns what another environment changes in a task: its account, and until when it waits for a limit. */
export async function accountChange(
  engine: Engine,
  task: Task,
  envHash: string,
): Promise<Partial<Pick<Task, "account" | "notBefore" | "delay">>> {
  const account = accountOf(engine, { ...task, envHash });
  if (account === task.account) return {};
  if (!isWaiting(task)) return { account };
  const until = await limitOfAccount(engine, account);
  if (until !== null && until > (task.notBefore ?? 0)) return { account, notBefore: until, delay: "limit" };
  if (task.delay !== "limit") return { account };
  return { account, notBefore: until, delay: until === null ? null : "limit" };
}

/** More tasks than a queue can hold. */
const MAX_TASKS = 1_000_000;

/** Returns when the announced limit of an account ends, in ms since 1970; null if no limit is known. */
async function limitOfAccount(engine: Engine, account: string | null): Promise<number | null> {
  if (account === null) return null;
  const tasks = await engine.store.list({ account, limited: true, limit: MAX_TASKS });
  const ends = tasks.map(({ agentReport }) => announcedEnd(agentReport)).filter((at) => at !== null);
  const last = Math.max(0, ...ends);
  return last > engine.clock.now() ? last : null;
}

/** Makes the other tasks of an account wait when a task reaches a limit, and continue when it has continued. */
export async function shareLimit(engine: Engine, before: Task, after: Task): Promise<void> {
  const { id, account } = after;
  const until = announcedEnd(after.agentReport);
  if (account === null || announcedEnd(before.agentReport) === until) return;
  if (until === null) return await updateWaiting(engine, account);
  if (until <= engine.clock.now()) return;
  const others = (await openTasksOf(engine, account)).filter((task) => task.id !== id && isWaiting(task));
  for (const { id, notBefore } of others) if ((notBefore ?? 0) < until) await delayTask(engine, id, until);
}

/** Updates the tasks that wait for a limit of the account: they wait while another of its tasks reports a limit. */
async function updateWaiting(engine: Engine, account: string): Promise<void> {
  const until = await limitOfAccount(engine, account);
  const waiting = (await openTasksOf(engine, account)).filter(
    (task) => isWaiting(task) && task.delay === "limit",
  );
  for (const { id, notBefore } of waiting) if (notBefore !== until) await delayTask(engine, id, until);
  engine.wake();
}

/** Releases the tasks that waited for a task's limit, after that task has changed to another account. */
export async function leaveAccount(engine: Engine, before: Task, after: Task): Promise<void> {
  if (before.account === null || before.account === after.account) return;
  if (announcedEnd(before.agentReport) !== null) await updateWaiting(engine, before.account);
}

/** Releases the tasks that waited for the limit of a canceled task: they find out themselves if it still applies. */
export async function forgetLimit(engine: Engine, { account, agentReport }: Task): Promise<void> {
  if (account !== null && announcedEnd(agentReport) !== null) await updateWaiting(engine, account);
}

/** Returns the report of an agent without the limit that it reached with another account. */
export function withoutLimit(report: Task["agentReport"]): Task["agentReport"] {
  return report && { ...report, limit: null };
}

const isWaiting = ({ state, onLimit }: Task) => state === "submitted" && onLimit === "wait";

async function delayTask(engine: Engine, id: number, until: number | null): Promise<void> {
  const patch = { notBefore: until, delay: until === null ? null : ("limit" as const) };
  // If the task has changed state in the meantime, it is left alone.
  await engine.store.update(id, patch, { states: ["submitted"] }).catch(() => undefined);
}

async function openTasksOf(engine: Engine, account: string): Promise<Task[]> {
  return await engine.store.list({ account, limit: MAX_TASKS });
}

/** Returns when the limit ends, if the provider announced it. A guessed time applies only to the task itself. */
function announcedEnd(report: Task["agentReport"]): number | null {
  const { resetsAt = null, guessed = true } = report?.limit ?? {};
  return resetsAt === null || guessed ? null : Date.parse(resetsAt);
}
