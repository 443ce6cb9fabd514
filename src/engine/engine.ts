import { AgentctlError } from "../core/errors.ts";
import type { Fault } from "../core/faults.ts";
import type { State } from "../core/machine.ts";
import { isTerminal } from "../core/machine.ts";
import type { Task, TaskEvent } from "../core/task.ts";
import type { Clock } from "../core/time.ts";
import type { Runner } from "../runner/index.ts";
import type { Store } from "../store/store.ts";
import type { ActiveAttempt } from "./attempt/active-attempt.ts";
import { withBriefSteps } from "./attempt/steps/step-door.ts";
import { StepIntake } from "./attempt/steps/step-intake.ts";
import { Hosts } from "./hosts/hosts.ts";
import type { Log, Places, Ports } from "./ports.ts";
import { lastSeen } from "./recovery/last-seen.ts";

/** The pipe on the stdin of a task's programs; see `attempt/stdin-pipe.ts`. */
export interface TaskPipe {
  /** Called when an attempt begins. */
  open(): void;
  /** Called when something was sent, or an attempt has its process. */
  check(): void;
  /** Called when the program of an attempt has ended. Throws if nothing holds the pipe open. */
  endAttempt(): void;
}

/**
 * What the verbs share: the store, the runner, and the attempts that have a process. Each verb is a function in its own
 * file and takes the engine as its first argument. Only the code of the engine changes the state of a task.
 */
export class Engine implements Ports {
  readonly store: Store;
  readonly runner: Runner;
  readonly clock: Clock;
  readonly settings: Ports["settings"];
  readonly places: Places;
  readonly environments: Ports["environments"];
  readonly log: Log;
  readonly fault: Fault;
  readonly bootId: string;
  readonly baseEnv: Record<string, string>;
  readonly memory: Ports["memory"];
  readonly cluster: Ports["cluster"];
  /** When a task was last paused or resumed because of memory. */
  memoryActionAt = 0;
  /** The attempts that have a process, by task. */
  readonly active = new Map<number, ActiveAttempt>();
  /** The same attempts, by token. */
  readonly tokens = new Map<string, ActiveAttempt>();
  /** The pipes on the stdin of open tasks, by task. */
  readonly pipes = new Map<number, TaskPipe>();
  /** The module hosts that wait for a task. */
  readonly hosts: Hosts<ActiveAttempt>;
  /** Tasks that are starting. */
  readonly starting = new Set<number>();
  /** Repairs in progress, by task. */
  readonly repairs = new Map<number, Promise<void>>();
  /** Tasks whose slots become free with the next commit; the same commit starts the tasks that take these slots. */
  readonly leaving = new Set<number>();
  /** No task may start any more (`daemon stop`), or not yet (`daemon start --hold`). */
  isHolding = false;
  /** The daemon is still recovering what an earlier daemon left, and starts nothing else. */
  isRecovering = true;
  /** The session or machine may be shutting down too, so a signal that ends a process may come from the system. */
  isGoingDown = false;
  /** When an earlier daemon last recorded that a task was working, by the wall clock; 0 if none did. */
  readonly lastSeen: number;
  /** The daemon is stopping. */
  isStopping = false;
  #wake: () => void = () => {};
  readonly #listeners = new Set<(events: readonly TaskEvent[]) => void>();

  constructor(options: Ports) {
    this.store = withBriefSteps(options.store, {
      ofToken: (token) => this.tokens.get(token)?.steps,
      ofTask: (id) => this.active.get(id)?.steps,
    });
    this.runner = options.runner;
    this.clock = options.clock;
    this.settings = options.settings;
    this.places = options.places;
    this.environments = options.environments;
    this.log = options.log;
    this.fault = options.fault;
    this.bootId = options.bootId;
    this.baseEnv = options.baseEnv;
    this.memory = options.memory;
    this.cluster = options.cluster;
    this.lastSeen = lastSeen(options.places.home);
    this.hosts = new Hosts(this);
    this.store.onEvents((events) => {
      for (const listener of [...this.#listeners]) listener(events);
    });
  }

  /** Returns the task that `ref` refers to; rejects with `TaskNotFound` or `AmbiguousName`. */
  async require(ref: string | number): Promise<Task> {
    const task = await this.store.find(ref);
    if (!task) throw new AgentctlError("TaskNotFound", { id: ref, state: null });
    return task;
  }

  /** Makes the scheduler check the queues soon: something ended, was submitted or released, or became due. */
  wake(): void {
    this.#wake();
  }

  /** Sets the function that {@link Engine.wake} calls. */
  onWake(wake: () => void): void {
    this.#wake = wake;
  }

  track(active: ActiveAttempt): void {
    if (active.isModule && !active.steps) active.update({ steps: new StepIntake(this, active) });
    this.active.set(active.taskId, active);
    this.tokens.set(active.token, active);
  }

  forget(active: ActiveAttempt): void {
    if (this.active.get(active.taskId) === active) this.active.delete(active.taskId);
    this.tokens.delete(active.token);
  }

  /** Calls `listener` after each commit that wrote events; returns a function that stops this. */
  onEvents(listener: (events: readonly TaskEvent[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Resolves with the task when it is in one of `states` or has ended, or as it is when `signal` aborts. */
  async waitFor(id: number, states: readonly State[] | undefined, signal: AbortSignal): Promise<Task> {
    const isReached = (state: State | null) =>
      state !== null && (states ? states.includes(state) : isTerminal(state));
    return await new Promise<Task>((resolve, reject) => {
      const stop = () => {
        this.#listeners.delete(check);
        signal.removeEventListener("abort", stop);
        this.require(id).then(resolve, reject);
      };
      const check = (events: readonly TaskEvent[]) => {
        const isDone = (state: State | null) => state === null || isTerminal(state) || isReached(state);
        if (events.some((event) => event.task === id && isDone(event.to))) stop();
      };
      this.#listeners.add(check);
      signal.addEventListener("abort", stop);
      this.require(id).then((task) => {
        if (isReached(task.state) || isTerminal(task.state) || signal.aborted) stop();
      }, reject);
    });
  }
}
