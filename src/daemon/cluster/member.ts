import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { AgentctlError } from "../../core/errors.ts";
import {
  type Cluster,
  type Engine,
  type Environments,
  endAll,
  handOver,
  lookAtRequests,
  loseElsewhere,
  packFolder,
  shutdown,
  unpackFolder,
} from "../../engine/index.ts";
import type { ClusterFile } from "../../home/cluster-file.ts";
import type { Paths } from "../../home/paths.ts";
import {
  blob,
  dropEnvironments,
  environment,
  keepBlob,
  keepEnvironment,
  type Lease,
  listMachines,
  Machine,
  type PostgresStore,
} from "../../store/postgres/index.ts";
import type { DaemonLog } from "../log.ts";
import { LeaseFile, uptime } from "./lease-file.ts";
import { seal, unseal } from "./seal.ts";

/** A lease is renewed so many times while it lasts. */
const RENEWALS = 6;
/** Without an answer for this part of the lease the trees are stopped; after the second part the fuse ends them. */
const STILL_AT = 0.5;
const FUSE_AT = 0.6;
/** A larger folder stays with its machine. */
const MOST_BYTES = 64 * 1024 * 1024;

/** This home as a machine of its cluster. */
export class Member implements Cluster {
  readonly machine: string;
  slots = 1;
  readonly #store: PostgresStore;
  readonly #own: Machine;
  readonly #file: ClusterFile;
  readonly #paths: Paths;
  readonly #log: DaemonLog;
  readonly #leaseFile: LeaseFile;
  readonly #leaseMs: number;
  readonly #environments: Environments;
  #engine: Engine | null = null;
  #timer: NodeJS.Timeout | null = null;
  #renewing: Promise<void> | null = null;
  /** When the renewal that succeeded last was sent, and since when none was missing, in s since boot. */
  #renewedAt = 0;
  #heldSince = 0;
  #isStill = false;
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
    this.#leaseMs = leaseMs;
    this.#environments = environments;
    this.#leaseFile = new LeaseFile(paths.home);
    this.#own = new Machine(store.listener, { name: file.name, id: home });
  }

  /** Begins the lease of this daemon; what others may have taken over already is ended first. */
  async register(version: string, endWhatRuns: () => Promise<void>): Promise<void> {
    if (await this.#own.isLost()) await endWhatRuns();
    this.#sentAt = uptime();
    this.#held(await this.#own.register(version));
    this.#heldSince = this.#renewedAt;
    this.#leaseFile.light();
  }
  #sentAt = 0;

  /** Attends to the cluster from now on. */
  start(engine: Engine): void {
    this.#engine = engine;
    this.#store.onChange(() => this.#guarded(lookAtRequests(engine)));
    this.#timer = setInterval(() => this.#beat(engine), this.#leaseMs / RENEWALS);
  }

  /** Gives the lease back. */
  async leave(suspended: readonly number[], frozen: readonly number[]): Promise<void> {
    if (this.#timer) clearInterval(this.#timer);
    await this.#renewing;
    if (this.#engine) await handOver(this.#engine, suspended);
    await this.#own.leave();
    if (frozen.length === 0) this.#leaseFile.remove();
    else this.#leaseFile.still();
  }

  /** The tasks here go on, and the next daemon of this machine adopts them within the lease. */
  async rest(): Promise<void> {
    if (this.#timer) clearInterval(this.#timer);
    await this.#renewing;
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

  async keepFolder(id: number): Promise<void> {
    const folder = join(this.#paths.tasks, String(id));
    if (!existsSync(folder) || readdirSync(folder).length === 0) return;
    await this.#withArchive(async (archive) => {
      await packFolder(folder, archive);
      const data = readFileSync(archive);
      if (data.length > MOST_BYTES)
        throw new Error(`it has ${data.length} bytes, of which at most ${MOST_BYTES} travel`);
      await keepBlob(this.#store.listener, id, "folder", data);
    });
  }

  async fetchFolder(id: number): Promise<void> {
    const data = await blob(this.#store.listener, id, "folder");
    if (!data) return;
    const folder = join(this.#paths.tasks, String(id));
    await this.#withArchive(async (archive) => {
      writeFileSync(archive, data, { mode: 0o600 });
      rmSync(folder, { recursive: true, force: true });
      await unpackFolder(archive, folder);
    });
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

  async #withArchive(work: (archive: string) => Promise<void>): Promise<void> {
    const draft = mkdtempSync(join(this.#paths.bundles, "folder-"));
    try {
      await work(join(draft, "folder.tar"));
    } finally {
      rmSync(draft, { recursive: true, force: true });
    }
  }

  #held({ slots, isDraining }: Lease): void {
    this.slots = isDraining ? 0 : slots;
    this.#renewedAt = this.#sentAt;
    this.#leaseFile.renew(this.#renewedAt + (this.#leaseMs / 1000) * FUSE_AT);
    if (isDraining && !this.#isDraining) this.#guarded(this.#drain());
    this.#isDraining = isDraining;
  }

  #beat(engine: Engine): void {
    const silent = uptime() - this.#renewedAt;
    if (silent > (this.#leaseMs / 1000) * STILL_AT && !this.#isStill) this.#guarded(this.#standStill(engine));
    this.#renewing ??= this.#renew(engine)
      .catch((error) =>
        this.#log.warn({ error: String(error) }, "the lease of this machine could not be renewed"),
      )
      .finally(() => {
        this.#renewing = null;
      });
  }

  async #renew(engine: Engine): Promise<void> {
    this.#sentAt = uptime();
    const lease = await this.#own.renew();
    if (lease === null) return await this.#lose(engine);
    if (uptime() - this.#renewedAt > this.#leaseMs / 1000) this.#heldSince = this.#sentAt;
    this.#held(lease);
    if (this.#isStill) this.#goOn(engine);
    // After an outage everybody's lease is over: nobody takes from others before they had time to renew theirs.
    if (this.#sentAt - this.#heldSince < this.#leaseMs / 1000) return;
    for (const id of await this.#own.lost()) this.#guarded(loseElsewhere(engine, id));
    await dropEnvironments(this.#store.listener);
  }

  /** Others may take over soon: nothing here runs meanwhile. */
  async #standStill(engine: Engine): Promise<void> {
    this.#isStill = true;
    const all = [...engine.active.values()].filter(({ running, frozen }) => running && !frozen);
    await Promise.allSettled(
      all.map(({ running }) => engine.runner.freeze(running as NonNullable<typeof running>)),
    );
    if (this.#isStill) this.#leaseFile.still();
    this.#log.warn({ tasks: all.length }, "the database does not answer: the tasks here stand still");
  }

  #goOn(engine: Engine): void {
    this.#isStill = false;
    for (const { running, frozen } of engine.active.values())
      if (running && !frozen) engine.runner.thaw(running);
    this.#log.info({}, "the database answers: the tasks here go on");
  }

  async #lose(engine: Engine): Promise<void> {
    this.#log.error({}, "others have taken the tasks of this machine: what is left of them here is ended");
    await endAll(engine);
    this.#isStill = false;
    this.#sentAt = uptime();
    this.#held(await this.#own.register(__VERSION__));
    this.#heldSince = this.#renewedAt;
    engine.wake();
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

  #guarded(work: Promise<unknown>): void {
    work.catch((error) =>
      this.#log.warn({ error: String(error) }, "something for the cluster could not be done"),
    );
  }
}
