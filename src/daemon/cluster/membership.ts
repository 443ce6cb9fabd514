/** `agentctl cluster` and `machine`: changes to a cluster in its database, without a daemon. */
import { randomBytes, randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { availableParallelism, hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import type {
  ClusterStatus,
  Founding,
  Joining,
  MachineChange,
  MachineInfo,
} from "../../core/cluster/machines.ts";
import { AgentctlError, asAgentctlError } from "../../core/errors.ts";
import { systemClock } from "../../core/time.ts";
import {
  type ClusterFile,
  ensureKey,
  ownTasksError,
  readClusterFile,
  readKey,
  removeClusterFile,
  writeClusterFile,
} from "../../home/cluster-file.ts";
import { ensureHomeId, homeId } from "../../home/identity.ts";
import type { Paths } from "../../home/paths.ts";
import { explainReadError } from "../../home/text.ts";
import {
  addMachine,
  Connection,
  forgetMachine,
  hasCluster,
  hasHeard,
  listMachines,
  machineId,
  makeSchema,
  readCluster,
  setMachine,
} from "../../store/postgres/index.ts";
import { openDatabase, SqliteStore } from "../../store/sqlite/index.ts";
import { prepareHome } from "../home.ts";
import { takeLock } from "../lock.ts";
import { burnAndRemove } from "./lease-file.ts";
import { keyCheck, wrongKey } from "./seal.ts";
import { restoreOwnFiles, setOwnFilesAside } from "./set-aside.ts";

/** How long to wait until a machine has heard of a change, in ms. A slower machine hears of it at its next renewal. */
const HEARD_TIMEOUT_MS = 2000;
const POLL_MS = 10;

/** Makes a cluster in a database, and this home its first machine. Returns the machine's name and the key's file. */
export async function initCluster(
  paths: Paths,
  options: Founding,
): Promise<{ name: string; keyFile: string }> {
  return await becomeMachine(paths, options, async (connection) => {
    const key = ensureKey(paths, () => randomBytes(32));
    const { leaseMs, machineRoles } = options;
    await makeSchema(connection, { leaseMs, machineRoles, keyCheck: keyCheck(key) });
    return key;
  });
}

/** Makes this home a machine of an existing cluster. */
export async function joinCluster(
  paths: Paths,
  options: Joining & { keyFile: string },
): Promise<{ name: string; keyFile: string }> {
  const key = readGivenKey(options.keyFile);
  return await becomeMachine(paths, options, async (connection) => {
    const { keyCheck: storedCheck } = await readCluster(connection);
    if (storedCheck !== keyCheck(key)) throw wrongKey();
    return key;
  });
}

/** Reads the key from a file that the user named. */
function readGivenKey(file: string): Buffer {
  try {
    return readKey(file);
  } catch (cause) {
    if (cause instanceof AgentctlError) throw wrongKey(cause, `${file} holds no key of a cluster`);
    const reason = `${file} cannot be read: ${explainReadError(cause)}`;
    throw new AgentctlError("InvalidParams", { field: "keyFile", reason });
  }
}

async function becomeMachine(
  paths: Paths,
  { url, name, slots, labels }: Joining,
  keyOf: (connection: Connection) => Promise<Buffer>,
): Promise<{ name: string; keyFile: string }> {
  if (process.platform !== "linux") throw unsupported("a machine of a cluster runs Linux");
  prepareHome(paths);
  const existing = readClusterFile(paths);
  if (existing)
    throw unsupported(`this home is machine ${existing.name} of a cluster already`, "agentctl cluster leave");
  const lock = lockHome(paths);
  try {
    restoreOwnFiles(paths);
    await refuseOpenTasks(paths);
    return await withConnection(url, async (connection) => {
      await requireServer(connection);
      await requireNotifications(connection, url);
      const key = await keyOf(connection);
      const id = ensureHomeId(paths, randomUUID);
      const machine = { id, home: paths.home, slots: slots ?? availableParallelism(), labels };
      const chosen = await addNumbered(connection, machine, name);
      setOwnFilesAside(paths);
      writeClusterFile(paths, { url, name: chosen, key });
      return { name: chosen, keyFile: paths.clusterKey };
    }).catch((error: unknown) => {
      throw forNewMachine(error);
    });
  } finally {
    lock.release();
  }
}

/** Returns the error with a hint for a home that is in no cluster yet, so that no other command can check the database. */
function forNewMachine(error: unknown): unknown {
  const { data } = asAgentctlError(error);
  if (!`${data.hint}`.startsWith("agentctl cluster status")) return error;
  const hint = "check the address; its password may be in ~/.pgpass. Then repeat the command";
  return new AgentctlError("StoreUnavailable", { ...data, hint }, { cause: error });
}

/** Adds the machine and returns its name: the given one, or the host's, numbered if another machine has it. */
async function addNumbered(
  connection: Connection,
  machine: Omit<Parameters<typeof addMachine>[1], "name">,
  name?: string,
) {
  const base =
    name ??
    (hostname()
      .replace(/[^\w.-]|_/g, "-")
      .replace(/^[^a-z0-9]+/i, "")
      .slice(0, 50) ||
      "machine");
  for (let n = 1; ; n++) {
    const candidate = n === 1 ? base : `${base}-${n}`;
    try {
      await addMachine(connection, { ...machine, name: candidate });
      return candidate;
    } catch (error) {
      if (name !== undefined || asAgentctlError(error).name !== "MachineTaken" || n === 100) throw error;
    }
  }
}

/** Makes this home stand alone again. Its machine must have no tasks left. */
export async function leaveCluster(paths: Paths): Promise<{ name: string }> {
  const { url, name } = requireClusterFile(paths);
  const lock = lockHome(paths);
  try {
    const isClusterThere = await withConnection(url, async (connection) => {
      if (!(await hasCluster(connection))) return false;
      // A copy of the home must not remove the machine, which belongs to the original.
      if ((await machineId(connection, name)) === homeId(paths)) await forgetMachine(connection, name);
      return true;
    });
    // The cluster is gone, so nobody else knows of the processes that its tasks left here.
    if (!isClusterThere) await burnAndRemove(paths.home);
    removeClusterFile(paths);
    restoreOwnFiles(paths);
    return { name };
  } finally {
    lock.release();
  }
}

export async function clusterStatus(paths: Paths): Promise<ClusterStatus> {
  const { url, name } = requireClusterFile(paths);
  return await withConnection(url, async (connection) => {
    const { leaseMs } = await readCluster(connection);
    return { name, database: withoutPassword(url), leaseMs, machines: await listMachines(connection) };
  });
}

/**
 * Changes a machine. Waits up to `HEARD_TIMEOUT_MS` until it has heard, if it is up: then no later task starts against it.
 */
export async function changeMachine(paths: Paths, name: string, change: MachineChange): Promise<MachineInfo> {
  return await withConnection(requireClusterFile(paths).url, async (connection) => {
    const before = (await listMachines(connection)).find((each) => each.name === name);
    const labels = change.labels && { ...before?.labels, ...change.labels };
    const changedAt = await setMachine(connection, name, {
      ...change,
      ...(labels ? { labels: withoutEmpty(labels) } : {}),
    });
    const deadline = systemClock.mono() + HEARD_TIMEOUT_MS;
    while (!(await hasHeard(connection, name, changedAt)) && systemClock.mono() < deadline)
      await sleep(POLL_MS);
    return (await listMachines(connection)).find((each) => each.name === name) as MachineInfo;
  });
}

export async function dropMachine(paths: Paths, name: string): Promise<{ name: string }> {
  const file = requireClusterFile(paths);
  if (file.name === name) throw unsupported(`${name} is this machine`, "agentctl cluster leave");
  await withConnection(file.url, (connection) => forgetMachine(connection, name));
  return { name };
}

function withoutEmpty(labels: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).filter(([, value]) => value !== ""));
}

function requireClusterFile(paths: Paths): ClusterFile {
  const file = readClusterFile(paths);
  if (file) return file;
  throw unsupported("this home is not a machine of a cluster", "agentctl cluster init");
}

function unsupported(reason: string, hint?: string): AgentctlError {
  return new AgentctlError("UnsupportedOperation", { reason, hint });
}

function lockHome(paths: Paths) {
  const lock = takeLock(paths.lock);
  if (lock) return lock;
  throw unsupported("the daemon of this home is running", "agentctl daemon stop");
}

/** Throws if the home has open tasks, because the cluster would hide them. */
async function refuseOpenTasks(paths: Paths): Promise<void> {
  if (!existsSync(paths.database)) return;
  const db = openDatabase(paths.database, () => {});
  const store = new SqliteStore(db, { fault: () => {}, keepCheckpoints: () => 1 });
  try {
    const { completed, failed, canceled, ...open } = await store.counts();
    const count = Object.values(open).reduce((sum, n) => sum + n, 0);
    if (count > 0) throw ownTasksError(count);
  } finally {
    store.close();
  }
}

/** Throws unless the server is PostgreSQL 15 or later, stores UTF-8, and writes to disk what it acknowledges. */
async function requireServer(connection: Connection): Promise<void> {
  const sql = `select current_setting('server_version_num')::bigint as version, current_setting('fsync') as fsync,
    current_setting('server_encoding') as encoding, current_database() as name`;
  const [row] = (await connection.query(sql, [])).rows;
  if (Number(row?.version) < 150_000) throw unsupported("a cluster needs PostgreSQL 15 or later");
  if (row?.encoding !== "UTF8") {
    const reason = `the database ${row?.name} has the encoding ${row?.encoding}, which cannot hold every text`;
    throw unsupported(reason, "createdb -E UTF8 -T template0 <name> makes one that can");
  }
  if (row?.fsync !== "on") {
    throw unsupported("the server runs with fsync off: what it acknowledges may be lost");
  }
}

/** Throws if a connection does not hear notifications, as behind a pooler that lends one for each transaction. */
async function requireNotifications(connection: Connection, url: string): Promise<void> {
  const channel = `agentctl_${randomUUID().replaceAll("-", "")}`;
  let isHeard = false;
  await connection.listen(channel, () => {
    isHeard = true;
  });
  await withConnection(url, (other) => other.query("select pg_notify($1, '')", [channel]));
  const deadline = systemClock.mono() + HEARD_TIMEOUT_MS;
  while (!isHeard && systemClock.mono() < deadline) await sleep(POLL_MS);
  if (isHeard) return;
  const hint = "give the address of the server itself, not of a pooler such as PgBouncer";
  throw unsupported("a connection to the database does not hear what another one notifies", hint);
}

async function withConnection<T>(url: string, work: (connection: Connection) => Promise<T>): Promise<T> {
  requireAddress(url);
  const connection = new Connection(url, "agentctl");
  try {
    return await work(connection);
  } finally {
    await connection.close();
  }
}

function requireAddress(url: string): void {
  const hosts = `${/@([^/?]*)/.exec(url)?.[1]} ${new URLSearchParams(url.split("?")[1]).get("host")}`;
  if (hosts.includes(",")) {
    const reason = "it names several hosts: give one name or proxy that leads to the primary";
    throw new AgentctlError("InvalidParams", { field: "url", reason });
  }
  let parsed: URL;
  try {
    parsed = new URL(url.replace(/@\//, "@localhost/"));
  } catch {
    const reason = "it is not an address such as postgres://user@host/database";
    throw new AgentctlError("InvalidParams", { field: "url", reason });
  }
  if (!/^postgres(ql)?:$/.test(parsed.protocol)) {
    throw new AgentctlError("InvalidParams", { field: "url", reason: "it does not begin with postgres://" });
  }
}

function withoutPassword(url: string): string {
  return url.replace(/^(\w+:\/\/[^:@/]*):[^@]*@/, "$1@");
}
