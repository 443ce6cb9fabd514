/** Which tasks of coding agents use up the same limit of a provider. */
import { createHash } from "node:crypto";
import type { Task } from "../../../core/task.ts";
import type { Seed } from "../../../store/store.ts";
import type { Engine } from "../../engine.ts";
import { givenEnvironment } from "../../files/environment.ts";

/** Variables that say who pays: keys and tokens of providers, and where an agent keeps its login. */
const WHO_PAYS =
  /^(HOME|XDG_CONFIG_HOME|XDG_DATA_HOME|AWS_PROFILE)$|^(ANTHROPIC|CLAUDE|OPENAI|CODEX|OPENCODE|GEMINI|GOOGLE|AZURE|OPENROUTER|MISTRAL|GROQ|DEEPSEEK|XAI)_.*(KEY|TOKEN|HOME|DIR|BASE_URL|CONFIG|PROJECT|PROFILE)$/;

/**
 * Names the account of an agent with the environment of that hash by another hash, so that no key is kept; null for a task
 * without an agent.
 */
export function accountOf(
  engine: Engine,
  { agent, model, envHash }: Pick<Seed, "agent" | "model" | "envHash">,
): string | null {
  if (agent === null) return null;
  const env = givenEnvironment(engine, { envHash, envFile: null });
  const known = Object.entries(env).filter(([name, text]) => WHO_PAYS.test(name) && text !== "");
  // An agent with many providers names the provider before its model.
  const provider = model?.includes("/") ? model.split("/")[0] : "";
  const facts = JSON.stringify([agent, provider, known.sort()]);
  return createHash("sha256").update(facts).digest("hex").slice(0, 32);
}

/** With the account of its agent; it waits where that is at a limit. */
export async function withAccount(engine: Engine, seed: Seed): Promise<Seed> {
  const account = accountOf(engine, seed);
  const until = seed.onLimit === "wait" ? await limitOfAccount(engine, account) : null;
  if (until === null || until <= (seed.notBefore ?? 0)) return { ...seed, account };
  return { ...seed, account, notBefore: until, delay: "limit" };
}

/** What another environment changes of a task: its account, and where it waits for a limit, until when. */
export async function accountIn(
  engine: Engine,
  task: Task,
  envHash: string,
): Promise<Partial<Pick<Task, "account" | "notBefore" | "delay">>> {
  const account = accountOf(engine, { ...task, envHash });
  if (account === task.account) return {};
  if (!waits(task)) return { account };
  const until = await limitOfAccount(engine, account);
  if (until !== null && until > (task.notBefore ?? 0)) return { account, notBefore: until, delay: "limit" };
  if (task.delay !== "limit") return { account };
  return { account, notBefore: until, delay: until === null ? null : "limit" };
}

/** More than a queue holds. */
const MANY = 1_000_000;

/** Until when an account is at a limit whose end was announced, in ms since 1970; null where none is known. */
async function limitOfAccount(engine: Engine, account: string | null): Promise<number | null> {
  if (account === null) return null;
  const tasks = await engine.store.list({ account, limited: true, limit: MANY });
  const ends = tasks.map(({ agentReport }) => announced(agentReport)).filter((at) => at !== null);
  const last = Math.max(0, ...ends);
  return last > engine.clock.now() ? last : null;
}

/** Has the others of an account wait with a task that met a limit, and go on where it has gone on. */
export async function shareLimit(engine: Engine, before: Task, after: Task): Promise<void> {
  const { id, account } = after;
  const until = announced(after.agentReport);
  if (account === null || announced(before.agentReport) === until) return;
  if (until === null) return await looseLimit(engine, account);
  if (until <= engine.clock.now()) return;
  const others = (await openTasksOf(engine, account)).filter((task) => task.id !== id && waits(task));
  for (const { id, notBefore } of others) if ((notBefore ?? 0) < until) await delayed(engine, id, until);
}

/** Has those that wait for a limit of the account wait as long as another of its tasks knows of one, and no longer. */
async function looseLimit(engine: Engine, account: string): Promise<void> {
  const until = await limitOfAccount(engine, account);
  const waiting = (await openTasksOf(engine, account)).filter(
    (task) => waits(task) && task.delay === "limit",
  );
  for (const { id, notBefore } of waiting) if (notBefore !== until) await delayed(engine, id, until);
  engine.wake();
}

/** A task that has another account has met no limit there; those that it leaves behind do not wait with it any more. */
export async function leaveAccount(engine: Engine, before: Task, after: Task): Promise<void> {
  if (before.account === null || before.account === after.account) return;
  if (announced(before.agentReport) !== null) await looseLimit(engine, before.account);
}

/** A task that is canceled at a limit takes with it what it knows: those that waited with it find out for themselves. */
export async function forgetLimit(engine: Engine, { account, agentReport }: Task): Promise<void> {
  if (account !== null && announced(agentReport) !== null) await looseLimit(engine, account);
}

/** What is told of an agent, without a limit that it met with another account. */
export function withoutLimit(report: Task["agentReport"]): Task["agentReport"] {
  return report && { ...report, limit: null };
}

const waits = ({ state, onLimit }: Task) => state === "submitted" && onLimit === "wait";

async function delayed(engine: Engine, id: number, until: number | null): Promise<void> {
  const patch = { notBefore: until, delay: until === null ? null : ("limit" as const) };
  // Whatever has become of it meanwhile stands.
  await engine.store.update(id, patch, { states: ["submitted"] }).catch(() => undefined);
}

async function openTasksOf(engine: Engine, account: string): Promise<Task[]> {
  return await engine.store.list({ account, limit: MANY });
}

/** A time that is a guess is the task's own. */
function announced(report: Task["agentReport"]): number | null {
  const { resetsAt = null, guessed = true } = report?.limit ?? {};
  return resetsAt === null || guessed ? null : Date.parse(resetsAt);
}
