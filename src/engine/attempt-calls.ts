/**
 * What a running task may ask for, authorised by its token: its own state, and durable progress. Each call resolves
 * when it is on disk. Writes carry the token down to the store, where a superseded attempt changes nothing.
 */
import { AgentctlError, asAgentctlError } from "../core/errors.ts";
import type { State } from "../core/machine.ts";
import type { Failure, Question, Step, StepKey, Task } from "../core/task.ts";
import type { Engine } from "./engine.ts";
import { environmentOf, foldersOf, givenEnvironment } from "./environment.ts";
import { type Link, type Live, nameOf } from "./live.ts";
import { withdraw } from "./withdraw.ts";

/** A journaled call's place. */
export type Place = StepKey & { call: number; alone: boolean };

/** The live attempt of `token`, for a host that waits as soon as it has one; rejects with `StaleAttempt`. */
export async function liveByToken(engine: Engine, token: string, isSave = false): Promise<Live> {
  const live = engine.tokens.get(token) ?? (await engine.hosts.assignmentOf(token));
  // A checkpoint that its program has left on the way counts until the end is recorded.
  if (live && (isSave || !live.isEnding)) return live;
  const attempt = await engine.store.attemptOf(token);
  const task = attempt && (await engine.store.get(attempt.taskId));
  throw new AgentctlError("StaleAttempt", {
    id: attempt?.taskId ?? null,
    state: task?.state ?? null,
    attempt: attempt?.n ?? null,
  });
}

export interface Welcome {
  task: Task;
  attempt: number;
  dir: string;
  pausing: boolean;
  checkpoint: { seq: number; base: number; data: Buffer } | null;
  module: {
    path: string;
    input: unknown;
    cwd: string;
    env: Record<string, string>;
    journal: Step[];
    steps: { path: string; key: string };
  } | null;
}

/** From now on the attempt is asked and told on `link`. */
export async function hello(engine: Engine, live: Live, link: Link): Promise<Welcome> {
  live.link = link;
  // Whoever said hello was at work: a later daemon has to know that.
  if (!live.saidHello) {
    await engine.store.noteAttempt(live.taskId, live.attempt, { saidHello: true });
    // Whatever was here before it, what is told as its journal is all of it.
    await live.steps?.take();
  }
  live.saidHello = true;
  live.steps?.written();
  const task = await engine.require(live.taskId);
  return {
    task,
    attempt: live.attempt,
    dir: foldersOf(engine, task.id).folder,
    pausing: live.intent?.kind === "pause" && live.intent.mode === "checkpoint",
    checkpoint: task.checkpoint && {
      seq: task.checkpoint.seq,
      base: task.checkpoint.base,
      data: await engine.store.checkpointData(task.id, task.checkpoint.seq),
    },
    module: task.module && {
      path: task.module.path,
      input: task.input,
      cwd: task.cwd,
      env: environmentOf(
        engine,
        task,
        { n: live.attempt, token: live.token },
        givenEnvironment(engine, task),
      ),
      journal: await engine.store.journal(task.id),
      steps: { path: engine.runner.stepFile(live.runKey), key: live.runKey },
    },
  };
}

export interface Save {
  data: Buffer;
  label?: string;
  base?: number;
  nonce?: string;
}

/** Saves a checkpoint; answers its number. Rejects with `CheckpointTooLarge`. */
export async function saveCheckpoint(engine: Engine, live: Live, save: Save): Promise<number> {
  requireSize(engine, live, save.data.length, "the checkpoint");
  const { seq } = await engine.store.saveCheckpoint(live.token, {
    data: save.data,
    label: save.label ?? null,
    base: save.base ?? "own",
    nonce: save.nonce ?? null,
    at: engine.clock.now(),
  });
  live.saved = true;
  // What is in flight has another place from here on, and is told again.
  if (save.base === undefined) live.inFlight.clear();
  return seq;
}

function requireSize(engine: Engine, live: Live, size: number, what: string): void {
  const limit = engine.settings.checkpointMaxBytes;
  if (size <= limit) return;
  throw new AgentctlError("CheckpointTooLarge", { id: live.taskId, state: "working", size, limit, what });
}

/** Notes that a call has begun, so that `pause` can say what it waits for. */
export async function stepBegan(engine: Engine, live: Live, key: StepKey): Promise<void> {
  live.inFlight.set(nameOf(key), { name: key.name, startedAt: engine.clock.now() });
  if (live.isJournaled) return;
  live.isJournaled = true;
  await engine.store.update(live.taskId, { journaled: true }, { states: ["working"] });
}

/** A call that had begun has failed, or its result stands in the step file. */
export function stepEnded(live: Live, key: StepKey): void {
  live.inFlight.delete(nameOf(key));
  live.steps?.written();
}

/** Acknowledges a step, once and for ever; answers what was journaled before under its key, else null. */
export async function acknowledge(
  engine: Engine,
  live: Live,
  place: Place,
  { value, startedAt }: { value: string; startedAt: number },
): Promise<string | null> {
  const size = Buffer.byteLength(value);
  requireSize(engine, live, size, `the result of step ${JSON.stringify(place.name)}`);
  const endedAt = engine.clock.now();
  const { result, added } = await engine.store.acknowledge(live.token, {
    ...place,
    startedAt,
    endedAt,
    size,
    result: value,
  });
  live.inFlight.delete(nameOf(place));
  return added ? null : result;
}

/** Journals a sleep; answers when it is over, the same for every attempt. */
export async function sleepUntil(engine: Engine, live: Live, place: Place, ms: number): Promise<number> {
  const now = engine.clock.now();
  const value = JSON.stringify(now + ms);
  const times = { startedAt: now, endedAt: now, size: value.length };
  const { result } = await engine.store.acknowledge(live.token, { ...place, ...times, result: value });
  live.sleepUntil = JSON.parse(result) as number;
  return live.sleepUntil;
}

/** Opens a question; answers null while there is no answer. */
export async function openQuestion(
  engine: Engine,
  live: Live,
  place: Place,
  asked: { prompt: string; choices?: string[]; timeoutMs?: number; fallback?: string },
): Promise<string | null> {
  const at = engine.clock.now();
  const { call, alone, ...key } = place;
  const question: Question = {
    prompt: asked.prompt,
    at,
    choices: asked.choices ?? null,
    deadline: asked.timeoutMs === undefined ? null : at + asked.timeoutMs,
    fallback: asked.fallback ?? null,
    key,
    call,
    alone,
  };
  const answered = await engine.store.openQuestion(live.token, question);
  engine.kick();
  return answered;
}

/**
 * The attempt is at a safe point with nothing in flight, to be ended for a pause, a sleep or a question. For a pause
 * its checkpoint is stored first; where that fails the pause is off and the attempt goes on.
 */
export async function suspended(
  engine: Engine,
  live: Live,
  {
    to,
    base,
    value,
    until,
  }: { to: "pause" | "sleep" | "ask"; base?: number; value?: string; until?: number },
): Promise<void> {
  if (to === "pause") await storePauseCheckpoint(engine, live, base, value);
  else await leave(engine, live, to, until ?? live.sleepUntil);
  live.isDone = true;
  engine.fault("suspended:before-end");
  // The answer is on its way; what the process would do by itself is only to wait for this.
  setImmediate(() => {
    if (live.running && !live.isEnding) engine.runner.signal(live.running, "SIGKILL");
    engine.fault("suspended:after-end");
  });
}

async function storePauseCheckpoint(engine: Engine, live: Live, base = 0, value?: string): Promise<void> {
  if (live.intent?.kind !== "pause" || live.intent.mode !== "checkpoint") {
    const reason = "no pause by checkpoint is under way";
    throw new AgentctlError("UnsupportedOperation", { ...(await aboutTask(engine, live)), reason });
  }
  try {
    const data = value === undefined ? await lastValue(engine, live.taskId) : Buffer.from(value);
    await saveCheckpoint(engine, live, { data, base, label: "pause" });
  } catch (error) {
    await withdraw(engine, live, asAgentctlError(error));
    throw error;
  }
}

/** What every error about a task carries. */
async function aboutTask(engine: Engine, { taskId }: Live): Promise<{ id: number; state: State }> {
  const { id, state } = await engine.require(taskId);
  return { id, state };
}

async function lastValue(engine: Engine, id: number): Promise<Buffer> {
  const { checkpoint } = await engine.require(id);
  return checkpoint ? await engine.store.checkpointData(id, checkpoint.seq) : Buffer.alloc(0);
}

async function leave(engine: Engine, live: Live, to: "sleep" | "ask", until: number | null): Promise<void> {
  if (live.intent) {
    const reason = `a ${live.intent.kind} is under way`;
    throw new AgentctlError("UnsupportedOperation", { ...(await aboutTask(engine, live)), reason });
  }
  const { id, state, question } = await engine.require(live.taskId);
  if (to === "ask" && !question) {
    throw new AgentctlError("UnsupportedOperation", { id, state, reason: "no question is open" });
  }
  const intent = { kind: "leave" as const, to, until: to === "sleep" ? until : null };
  live.intent = intent;
  try {
    await engine.store.intend([{ id: live.taskId, attempt: live.attempt, intent }]);
  } catch (error) {
    live.intent = null;
    throw error;
  }
}

/** Keeps what a module returned or threw; its process may end now. */
export async function saveResult(
  engine: Engine,
  live: Live,
  result: { value: unknown } | { error: Failure },
): Promise<void> {
  if ("value" in result) {
    const size = Buffer.byteLength(JSON.stringify(result.value ?? null));
    requireSize(engine, live, size, "the result");
  }
  await engine.store.saveResult(live.token, result);
  live.result = result;
}
