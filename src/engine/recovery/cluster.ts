/** A daemon's duties in its cluster: requests from other machines for tasks here, and tasks of lost machines. */
import { asAgentctlError } from "../../core/errors.ts";
import type { Task } from "../../core/task.ts";
import { ActiveAttempt } from "../attempt/active-attempt.ts";
import { endTree } from "../attempt/end-tree.ts";
import { finish } from "../attempt/finish.ts";
import { carryOut } from "../attempt/pause/carry-out.ts";
import { repair } from "../attempt/repair.ts";
import type { Engine } from "../engine.ts";
import { resumeByItself } from "../verbs/resume.ts";

/** Requests that were already taken up: the store lists them until they are done. */
const handled = new WeakMap<ActiveAttempt, string>();

/** Takes up requests from other machines for tasks here, and wakes the scheduler. */
export async function checkRequests(engine: Engine): Promise<void> {
  if (engine.isRecovering || engine.isStopping) return;
  engine.wake();
  if (engine.active.size === 0) return;
  const attempts = [...engine.active.values()];
  const tasks = await engine.store.unfinished(0, 10_000);
  const messages = await engine.store.waitingMessages();
  for (const active of attempts)
    if (!tasks.some(({ id }) => id === active.taskId)) void endIfTaken(engine, active);
  for (const task of tasks) {
    const active = engine.active.get(task.id);
    if (!active || active.attempt !== task.attempt || active.isEnding) continue;
    engine.pipes.get(task.id)?.check();
    notifyMessage(active, messages.get(task.id));
    if (task.question === null && active.questionKey) await notifyAnswer(engine, active, active.questionKey);
    if (task.intent) handleRequest(engine, active, task);
  }
}

/** Notifies an attempt only once for each message, because it then takes its messages, which is a write. */
function notifyMessage(active: ActiveAttempt, newest: number | undefined): void {
  if (!active.link || newest === undefined || newest <= active.notifiedMessage) return;
  active.update({ notifiedMessage: newest });
  active.link.message();
}

/**
 * Handles a database that has lost acknowledged writes. Ends the attempts here that the store does not know any more.
 * Attempts that the store lists as running here are found again, or handled as `--on-lost` says.
 */
export async function settleWithStore(engine: Engine): Promise<void> {
  for (const active of [...engine.active.values()]) {
    const attempt = await engine.store.attemptOf(active.token);
    const isKnown = attempt !== undefined && attempt.endedAt === null;
    if (isKnown || !active.running || active.isEnding) continue;
    engine.log.warn(
      { task: active.taskId, attempt: active.attempt },
      "the store lost an attempt: it is ended here",
    );
    await engine.runner.terminate(active.running, { graceMs: 0 });
    await active.ended.promise.catch(() => {});
  }
  for (const { id } of await engine.store.unfinished(0, 10_000)) await repair(engine, id);
}

function handleRequest(engine: Engine, active: ActiveAttempt, task: Task): void {
  const { intent } = task;
  const serialized = JSON.stringify(intent);
  if (intent === null || handled.get(active) === serialized || !active.canRequest(intent.kind)) return;
  // Requests of this daemon itself are already in progress, or finished while we read the store.
  if (intent.kind === "pause" && intent.from === engine.cluster?.machine) return;
  // The request was recorded just before the task was stopped here; that stop is the pause.
  if (intent.kind === "pause" && !active.agreesWithStore(task)) return;
  if (intent.kind !== "pause" && intent.kind !== "cancel") return;
  handled.set(active, serialized);
  active.request(intent);
  const logError = (error: unknown) =>
    engine.log.error({ task: task.id, error: String(error) }, "a request of another machine failed");
  if (intent.kind === "pause") carryOut(engine, { active, task, intent }, { wait: false }).catch(logError);
  else active.update({ canceling: endTree(engine, active, intent.graceMs) });
}

/** Notifies an attempt of an answer that another machine took; the answer is in the journal. */
async function notifyAnswer(
  engine: Engine,
  active: ActiveAttempt,
  question: NonNullable<ActiveAttempt["questionKey"]>,
): Promise<void> {
  const steps = await engine.store.journal(active.taskId);
  const step = steps.find(
    ({ kind, name, n, base }) =>
      kind === "ask" && name === question.name && n === question.n && base === question.base,
  );
  if (!step) return;
  // The attempt may have asked its next question in the meantime.
  if (active.questionKey === question) active.update({ questionKey: null });
  active.link?.answer({ n: question.n, base: question.base, answer: JSON.parse(step.result) as string });
}

/** Ends an attempt here if another machine has concluded it or taken over its task. */
async function endIfTaken(engine: Engine, active: ActiveAttempt): Promise<void> {
  const task = await engine.store.get(active.taskId);
  if (!active.running || active.isEnding) return;
  const isLive = task && task.attempt <= active.attempt && (task.state === "working" || task.frozen);
  // If the store's attempt is older than ours, the task was read before our attempt started.
  if (isLive || (task && task.attempt < active.attempt)) return;
  engine.log.warn(
    { task: active.taskId, attempt: active.attempt },
    "others have taken a task: it is ended here",
  );
  await engine.runner.terminate(active.running, { graceMs: 0 });
}

/** Stops the processes of an attempt where they are; ends them if they cannot be stopped. */
export async function stopOrEnd(engine: Engine, { running }: ActiveAttempt): Promise<void> {
  if (!running) return;
  try {
    await engine.runner.freeze(running);
  } catch {
    await engine.runner.terminate(running, { graceMs: 0 });
  }
}

/** Concludes the attempt of a task whose machine is lost; `--on-lost` decides what happens to the task. */
export async function loseElsewhere(engine: Engine, id: number): Promise<void> {
  const task = await engine.require(id);
  const attempt = (await engine.store.attempts(id)).at(-1);
  if (!attempt || engine.active.has(id) || task.machine === engine.cluster?.machine) return;
  if (task.state === "suspended" && task.pause?.cause === "shutdown" && !task.frozen) {
    await resumeByItself(engine, id, "shutdown");
    return;
  }
  if (task.state !== "working" && !task.frozen) return;
  const active = new ActiveAttempt(attempt, task, engine.clock.mono());
  active.update({ workedMs: task.frozen ? 0 : Math.max(0, engine.clock.now() - task.phaseAt) });
  active.inheritRequest(task.intent);
  active.pausing?.promise.catch(() => {});
  active.ended.promise.catch(() => {});
  engine.track(active);
  engine.log.warn({ task: id, machine: task.machine }, "the machine of a task is lost");
  await finish(
    engine,
    active,
    { exitCode: null, signal: null, endedAt: engine.clock.now(), lost: true },
    true,
  );
}

/** Queues tasks that a stop has just paused by checkpoint, so that other machines continue them. */
export async function handOver(engine: Engine, ids: readonly number[]): Promise<void> {
  for (const id of ids) {
    await resumeByItself(engine, id, "shutdown").catch((error) =>
      engine.log.warn({ task: id, error: asAgentctlError(error).message }, "a task could not be handed over"),
    );
  }
}

/** Ends all processes of tasks here and records nothing, because other machines may start these tasks at any moment. */
export async function endAll(engine: Engine): Promise<void> {
  const ends = [...engine.active.values()].map(async (active) => {
    await active.launched;
    if (active.running) await engine.runner.terminate(active.running, { graceMs: 0 });
  });
  await Promise.allSettled(ends);
}
