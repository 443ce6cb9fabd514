import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { AgentctlError } from "../../core/errors.ts";
import { systemClock } from "../../core/time.ts";
import {
  type Cluster,
  checkRequests,
  type Engine,
  type Environments,
  handOver,
  keepLogs,
  settleWithStore,
  shutdown,
} from "../../engine/index.ts";
import type { ClusterFile } from "../../home/cluster-file.ts";
import type { Paths } from "../../home/paths.ts";
import {
  environment,
  keepEnvironment,
  type Lease,
  listMachines,
  Machine,
  type PostgresStore,
  setMachine,
  untaken,
} from "../../store/postgres/index.ts";
import type { DaemonLog } from "../log.ts";
import { HeldLease } from "./held-lease.ts";
import { seal, unseal } from "./seal.ts";
import { SharedFiles } from "./shared-files.ts";

/** How long a stop waits for a database that does not respond, in ms. */
const SILENCE_TIMEOUT_MS = 10_000;
/** How often we check whether that time has passed, in ms. */
const POLL_MS = 100;
/** How long handing over the paused tasks may take, in ms. */
const LEAVE_TIMEOUT_MS = 30_000;

/** This home as a machine of its cluster. */
export class Member implements Cluster {
  readonly machine: string;
  slots = 1;
  readonly files: SharedFiles;
  readonly #store: PostgresStore;
  readonly #lease: HeldLease;
  readonly #file: ClusterFile;
  readonly #paths: Paths;
  readonly #log: DaemonLog;
  readonly #environments: Environments;
  #engine: Engine | null = null;
  #isDraining = false;

  constructor(options: {
    store: PostgresStore;
    file: ClusterFile;
    home: string;
    paths: Paths;
    log: DaemonLog;
    leaseMs: number;
    environments: Environments;
  }) {
    const { store, file, home, paths, log, leaseMs, environments } = options;
    this.machine = file.name;
    this.#store = store;
    this.#file = file;
    this.#paths = paths;
    this.#log = log;
    this.#environments = environments;
    this.files = new SharedFiles({ store, machine: file.name, paths, log });
    const machine = new Machine(store.listener, { name: file.name, id: home });
    const onLease = (lease: Lease) => this.#applyLease(lease);
    this.#lease = new HeldLease({ store, machine, home: paths.home, leaseMs, log, onLease });
  }

  get mayHaveEnded(): boolean {
    return this.#lease.mayHaveEnded;
  }

  /** Begins the lease of this daemon. First kills the tasks that others may already have taken over. */
  async register(): Promise<void> {
    await this.#lease.register();
  }

  /** Takes part in the cluster from now on. */
  start(engine: Engine): void {
    this.#engine = engine;
    this.#store.onChange(() => this.#logFailure(checkRequests(engine)));
    this.#store.onDataLoss(() => this.#settle(engine));
    this.#lease.startRenewing(engine);
  }

  async #settle(engine: Engine): Promise<void> {
    const message = "the database went back to an earlier state: a dump was put back, or a standby took over";
    try {
      await settleWithStore(engine);
      this.#log.error({}, message);
    } catch (error) {
      this.#log.error({ error: String(error) }, message);
      throw error;
    }
  }

  /** Resolves with the result of `work`, or with undefined if the database stays silent. */
  async unlessSilent<T>(work: Promise<T>): Promise<T | undefined> {
    const until = systemClock.mono() + SILENCE_TIMEOUT_MS;
    let isDone = false;
    const silence = async () => {
      while (!isDone && !(this.#lease.isSilent && systemClock.mono() > until)) await sleep(POLL_MS);
      return undefined;
    };
    return await Promise.race([work.finally(() => (isDone = true)), silence()]);
  }

  /** Gives the lease back. If the database does not respond, the lease expires later. */
  async leave(suspended: readonly number[], frozen: readonly number[]): Promise<void> {
    await this.#lease.stopRenewing();
    const timeout = new AbortController();
    try {
      if (this.#lease.isSilent) throw new Error("the database does not answer");
      const tooLate = sleep(LEAVE_TIMEOUT_MS, undefined, timeout).then(() =>
        Promise.reject(new Error("it takes too long")),
      );
      await Promise.race([this.#giveBack(suspended, frozen), tooLate]);
    } catch (error) {
      this.#log.warn({ error: String(error) }, "the lease of this machine is not given back: it expires");
    } finally {
      timeout.abort();
    }
  }

  async #giveBack(suspended: readonly number[], frozen: readonly number[]): Promise<void> {
    if (this.#engine) {
      for (const { taskId, attempt, frozen: isFrozen } of this.#engine.active.values())
        if (isFrozen) keepLogs(this.#engine, { taskId, attempt });
      await handOver(this.#engine, suspended);
    }
    await this.files.whenSettled();
    await this.#lease.leave(frozen.length > 0);
  }

  /** Stops renewing the lease. The tasks here go on, and this machine's next daemon adopts them within the lease. */
  async stopRenewing(): Promise<void> {
    await this.#lease.stopRenewing();
  }

  async keepEnvironment(hash: string): Promise<void> {
    const text = Buffer.from(JSON.stringify(this.#environments.get(hash)));
    await keepEnvironment(this.#store.listener, hash, seal(this.#file.key, text));
  }

  async fetchEnvironment(hash: string): Promise<void> {
    if (existsSync(join(this.#paths.env, hash))) return;
    const sealed = await environment(this.#store.listener, hash);
    if (!sealed) return;
    const env = JSON.parse(unseal(this.#file.key, sealed).toString()) as Record<string, string>;
    this.#environments.settle(this.#environments.put(env));
  }

  async untaken(ids: readonly number[]): Promise<ReadonlySet<number>> {
    return await untaken(this.#store.listener, ids);
  }

  async requireMachine(on: readonly string[]): Promise<void> {
    const machines = await listMachines(this.#store.listener);
    const unknown = on.find(
      (word) =>
        !machines.some(
          ({ name, labels }) =>
            name === word || Object.entries(labels).some(([k, v]) => `${k}=${v}` === word),
        ),
    );
    if (unknown !== undefined) throw new AgentctlError("MachineNotFound", { machine: unknown });
  }

  #applyLease({ slots, isDraining, isOutdated }: Lease): void {
    if (isOutdated && !isDraining) {
      this.#log.warn(
        {},
        "the cluster needs a newer agentctl: this machine hands over its tasks and starts none",
      );
      this.#logFailure(setMachine(this.#store.listener, this.machine, { isDraining: true }));
    }
    const before = this.slots;
    this.slots = isDraining ? 0 : slots;
    if (this.slots > before) this.#engine?.wake();
    if (isDraining && !this.#isDraining) this.#logFailure(this.#drain());
    this.#isDraining = isDraining;
  }

  async #drain(): Promise<void> {
    const engine = this.#engine;
    if (!engine) return;
    const { suspended } = await shutdown(engine, {});
    engine.isStopping = false;
    engine.isGoingDown = false;
    // Without slots nothing starts here.
    engine.isHolding = false;
    await handOver(engine, suspended);
    this.#log.info({ tasks: suspended.length }, "this machine is drained");
  }

  #logFailure(work: Promise<unknown>): void {
    work.catch((error) => this.#log.warn({ error: String(error) }, "a cluster operation failed"));
  }
}
