/**
 * The calls of a running task, authorised by its token: it reads its own state and saves durable progress. A call
 * resolves when its write is on disk. Writes pass the token to the store, where a superseded attempt changes nothing.
 */
import { AgentctlError, asAgentctlError } from "../../core/errors.ts";
import type { State } from "../../core/machine.ts";
import type { Failure, Kept, Question, StepKey, StepName, Task } from "../../core/task.ts";
import type { JournalPart, NewCheckpoint } from "../../store/store.ts";
import type { Engine } from "../engine.ts";
import { environmentOf, foldersOf, taskEnvironment } from "../files/environment.ts";
import type { ActiveAttempt, Link } from "./active-attempt.ts";
import { PAUSE_LABEL } from "./conclude.ts";
import { abortPause } from "./pause/abort.ts";
import { agentInput } from "./steps/agent-input.ts";
import { journalPart } from "./steps/journal-part.ts";

/** The place of a call in the journal. */
export type Place = StepKey & { call: number; alone: boolean };

/** Returns the live attempt of `token`; for a waiting host, waits until it gets one. Rejects with `StaleAttempt`. */
export async function activeByToken(engine: Engine, token: string, isSave = false): Promise<ActiveAttempt> {
  const active = engine.tokens.get(token) ?? (await engine.hosts.assignmentOf(token));
  // A checkpoint that was still on its way when the program ended counts until the end is recorded.
  if (active && (isSave || !active.isEnding)) return active;
  const attempt = await engine.store.attemptOf(token);
  const task = attempt && (await engine.store.get(attempt.taskId));
  throw new AgentctlError("StaleAttempt", {
    id: attempt?.taskId ?? null,
    state: task?.state ?? null,
    attempt: attempt?.n ?? null,
  });
}

export interface HelloResult {
  task: Task;
  attempt: number;
  dir: string;
  pausing: boolean;
  checkpoint: { seq: number; base: number; data: Buffer } | null;
  module: {
    path: string;
    isAgent: boolean;
    input: unknown;
    cwd: string;
    env: Record<string, string>;
    journal: JournalPart;
    journalMaxBytes: number;
    kept: Kept[];
    steps?: { path: string; key: string };
  } | null;
}

/** Makes `link` the connection to the attempt, and returns what the attempt needs to begin. */
export async function hello(engine: Engine, active: ActiveAttempt, link: Link): Promise<HelloResult> {
  active.update({ link });
  // A later daemon must know that this attempt has run.
  if (!active.saidHello) {
    await engine.store.noteAttempt(active.taskId, active.attempt, { saidHello: true });
  }
  // It can be paused by checkpoint from now on. A task of higher priority may be waiting for that.
  if (!active.saidHello) engine.wake();
  active.update({ saidHello: true });
  active.steps?.checkSoon();
  const task = await engine.require(active.taskId);
  return {
    task,
    attempt: active.attempt,
    dir: foldersOf(engine, task.id).folder,
    pausing: active.intent?.kind === "pause" && active.intent.mode === "checkpoint",
    checkpoint: task.checkpoint && {
      seq: task.checkpoint.seq,
      base: task.checkpoint.base,
      data: await engine.store.checkpointData(task.id, task.checkpoint.seq),
    },
    module: task.module && {
      path: task.kind === "agent" ? engine.places.agents : task.module.path,
      isAgent: task.kind === "agent",
      input: task.kind === "agent" ? agentInput(engine, task) : task.input,
      cwd: task.cwd,
      env: environmentOf(
        engine,
        task,
        { n: active.attempt, token: active.token },
        taskEnvironment(engine, task),
      ),
      journal: await journalPart(engine, task, 0),
      journalMaxBytes: engine.settings.journalMaxBytes,
      kept: await engine.store.kept(task.id),
      ...(!engine.cluster && { steps: { path: engine.runner.stepFile(active.runKey), key: active.runKey } }),
    },
  };
}

export interface Save {
  data: Buffer;
  label?: string;
  base?: number;
  nonce?: string;
  kept?: NonNullable<NewCheckpoint["kept"]>;
  unused?: StepName[];
}

/** Saves a checkpoint and returns its number. Rejects with `CheckpointTooLarge`. */
export async function saveCheckpoint(engine: Engine, active: ActiveAttempt, save: Save): Promise<number> {
  requireSize(engine, active, save.data.length, "the checkpoint");
  const { seq } = await engine.store.saveCheckpoint(active.token, {
    data: save.data,
    label: save.label ?? null,
    base: save.base ?? "own",
    nonce: save.nonce ?? null,
    kept: save.kept ?? [],
    unused: save.unused ?? [],
    at: engine.clock.now(),
  });
  if (!active.hasSaved) engine.wake();
  active.update({ hasSaved: true });
  // The calls in flight get new places now, and the host reports them again.
  if (save.base === undefined) active.inFlight.clear();
  return seq;
}

function requireSize(engine: Engine, active: ActiveAttempt, size: number, what: string): void {
  const limit = engine.settings.checkpointMaxBytes;
  if (size <= limit) return;
  throw new AgentctlError("CheckpointTooLarge", { id: active.taskId, state: "working", size, limit, what });
}

/** Notes that a call has begun, so that `pause` can name the calls it waits for. */
export async function stepBegan(engine: Engine, active: ActiveAttempt, key: StepKey): Promise<void> {
  active.beginCall(key, engine.clock.now());
  if (active.isJournaled) return;
  active.update({ isJournaled: true });
  await engine.store.update(active.taskId, { journaled: true }, { token: active.token });
  engine.wake();
}

/** Notes that a call has failed, or that its result is in the step file. */
export function stepEnded(active: ActiveAttempt, key: StepKey): void {
  active.endCall(key);
  active.steps?.checkSoon();
}

/** Acknowledges a step, exactly once. Returns the result that is already in the journal under its key, else null. */
export async function acknowledge(
  engine: Engine,
  active: ActiveAttempt,
  place: Place,
  { value, startedAt }: { value: string; startedAt: number },
): Promise<string | null> {
  const size = Buffer.byteLength(value);
  requireSize(engine, active, size, `the result of step ${JSON.stringify(place.name)}`);
  const endedAt = engine.clock.now();
  const { result, added } = await engine.store.acknowledge(active.token, {
    ...place,
    startedAt,
    endedAt,
    size,
    result: value,
  });
  active.endCall(place);
  return added ? null : result;
}

/** Journals a sleep and returns its end, in ms since 1970, which is the same for every attempt. */
export async function sleepUntil(
  engine: Engine,
  active: ActiveAttempt,
  place: Place,
  ms: number,
): Promise<number> {
  const now = engine.clock.now();
  const value = JSON.stringify(now + ms);
  const times = { startedAt: now, endedAt: now, size: value.length };
  const { result } = await engine.store.acknowledge(active.token, { ...place, ...times, result: value });
  const sleepUntil = JSON.parse(result) as number;
  active.update({ sleepUntil });
  return sleepUntil;
}

/** Opens a question and returns its answer, or null while there is none. */
export async function openQuestion(
  engine: Engine,
  active: ActiveAttempt,
  place: Place,
  request: { prompt: string; choices?: string[]; timeoutMs?: number; fallback?: string },
): Promise<string | null> {
  const at = engine.clock.now();
  const { call, alone, ...key } = place;
  const question: Question = {
    prompt: request.prompt,
    at,
    choices: request.choices ?? null,
    deadline: request.timeoutMs === undefined ? null : at + request.timeoutMs,
    fallback: request.fallback ?? null,
    key,
    call,
    alone,
  };
  active.update({ questionKey: key });
  const answer = await engine.store.openQuestion(active.token, question);
  engine.wake();
  return answer;
}

/**
 * Ends an attempt that is at a safe point with nothing in flight, for a pause, a sleep or a question. For a pause, it
 * first stores the checkpoint; if that fails, it aborts the pause, rejects, and the attempt goes on.
 */
export async function suspended(
  engine: Engine,
  active: ActiveAttempt,
  {
    to,
    base,
    value,
    until,
  }: { to: "pause" | "sleep" | "ask"; base?: number; value?: string; until?: number },
): Promise<void> {
  if (to === "pause") await storePauseCheckpoint(engine, active, base, value);
  else await leave(engine, active, to, until ?? active.sleepUntil);
  active.update({ isDone: true });
  engine.fault("suspended:before-end");
  // The response is on its way. All that the process still does is wait for this kill.
  setImmediate(() => {
    if (active.running && !active.isEnding) engine.runner.signal(active.running, "SIGKILL");
    engine.fault("suspended:after-end");
  });
}

async function storePauseCheckpoint(
  engine: Engine,
  active: ActiveAttempt,
  base = 0,
  value?: string,
): Promise<void> {
  if (active.intent?.kind !== "pause" || active.intent.mode !== "checkpoint") {
    const reason = "no pause by checkpoint is under way";
    throw new AgentctlError("UnsupportedOperation", { ...(await taskData(engine, active)), reason });
  }
  try {
    const data = value === undefined ? await lastValue(engine, active.taskId) : Buffer.from(value);
    await saveCheckpoint(engine, active, { data, base, label: PAUSE_LABEL });
  } catch (error) {
    await abortPause(engine, active, asAgentctlError(error));
    throw error;
  }
}

/** Returns the data that every error about a task carries. */
async function taskData(engine: Engine, { taskId }: ActiveAttempt): Promise<{ id: number; state: State }> {
  const { id, state } = await engine.require(taskId);
  return { id, state };
}

async function lastValue(engine: Engine, id: number): Promise<Buffer> {
  const { checkpoint } = await engine.require(id);
  return checkpoint ? await engine.store.checkpointData(id, checkpoint.seq) : Buffer.alloc(0);
}

async function leave(
  engine: Engine,
  active: ActiveAttempt,
  to: "sleep" | "ask",
  until: number | null,
): Promise<void> {
  if (active.intent) {
    const reason = `a ${active.intent.kind} is under way`;
    throw new AgentctlError("UnsupportedOperation", { ...(await taskData(engine, active)), reason });
  }
  const { id, state, question } = await engine.require(active.taskId);
  if (to === "ask" && !question) {
    throw new AgentctlError("UnsupportedOperation", { id, state, reason: "no question is open" });
  }
  const intent = { kind: "leave" as const, to, until: to === "sleep" ? until : null };
  if (!active.request(intent)) {
    const reason = "the attempt is ending";
    throw new AgentctlError("UnsupportedOperation", { id, state, reason });
  }
  try {
    await engine.store.intend([{ id: active.taskId, attempt: active.attempt, intent }]);
  } catch (error) {
    active.dropRequest();
    throw error;
  }
}

/** Saves what a module returned or threw. After that its process may end. */
export async function saveResult(
  engine: Engine,
  active: ActiveAttempt,
  result: { value: unknown } | { error: Failure },
  unused: StepName[] = [],
): Promise<void> {
  if ("value" in result) {
    const size = Buffer.byteLength(JSON.stringify(result.value ?? null));
    requireSize(engine, active, size, "the result");
  }
  await engine.store.saveResult(active.token, result, unused);
  active.update({ result });
}
