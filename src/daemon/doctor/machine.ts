/**
 * Checks a machine of a cluster: compares its lease, its processes and its files with the tasks in the database, and
 * checks the saved state of open tasks there. PostgreSQL keeps the rows consistent.
 */
import { asAgentctlError } from "../../core/errors.ts";
import type { Task } from "../../core/task.ts";
import { type ClusterFile, readClusterFile } from "../../home/cluster-file.ts";
import { homeId } from "../../home/identity.ts";
import type { Paths } from "../../home/paths.ts";
import {
  Connection,
  listMachines,
  machineId,
  PostgresStore,
  readCluster,
} from "../../store/postgres/index.ts";
import { keyCheck } from "../cluster/seal.ts";
import { checkRunFiles } from "./files.ts";
import { HOOKS_THAT_FAIL, hookProblems } from "./hooks.ts";
import { type Findings, type KnownAttempt, NO_COUNTS, type Problem, type Tools } from "./problem.ts";
import { checkProcesses } from "./processes.ts";

const MAX_TASKS = 1_000_000;
const KEEP_CHECKPOINTS = 100;

/** Checks this home as a machine. If the database cannot be reached, reports that as the problem. */
export async function inspectMachine(tools: Tools): Promise<Findings> {
  const { paths } = tools;
  let connection: Connection | undefined;
  let store: PostgresStore | undefined;
  try {
    const file = readClusterFile(paths) as ClusterFile;
    connection = new Connection(file.url, `agentctl ${file.name} doctor`);
    const { keyCheck: storedCheck } = await readCluster(connection);
    store = await PostgresStore.open(file.url, file.name, {
      fault: () => {},
      keepCheckpoints: () => KEEP_CHECKPOINTS,
    });
    const storeProblems = [
      ...(storedCheck === keyCheck(file.key) ? [] : [wrongKey(paths)]),
      ...(await checkLease(connection, file.name, tools)),
      ...(await checkStandby(connection)),
    ];
    return await inspectStore(tools, file.name, { connection, store }, storeProblems);
  } catch (error) {
    const { message, data } = asAgentctlError(error);
    const mend = (data?.hint as string | undefined) ?? "agentctl cluster status";
    return { looked: NO_COUNTS, problems: [storeProblem(message, mend)] };
  } finally {
    await store?.close();
    await connection?.close();
  }
}

async function inspectStore(
  tools: Tools,
  machine: string,
  { connection, store }: { connection: Connection; store: PostgresStore },
  before: Problem[],
): Promise<Findings> {
  const open = await store.list({ limit: MAX_TASKS });
  const processes = tools.runner.marked(tools.paths.home);
  const attempts = [
    ...(await liveAttempts(store, machine, open)),
    ...(await endedAttempts(
      connection,
      processes.map(({ token }) => token),
    )),
  ];
  const scene = { tools, attempts, processes };
  const counts = await connection.query(
    `select ${["tasks", "attempts", "checkpoints", "events"].map((table) => `(select count(*) from ${table}) as ${table}`).join(", ")}`,
    [],
  );
  const hooks = await connection.query(HOOKS_THAT_FAIL, []);
  return {
    looked: { ...(counts.rows[0] as Omit<Findings["looked"], "processes">), processes: processes.length },
    problems: [
      ...before,
      ...(await checkSaved(store, open)),
      ...hookProblems(hooks.rows as never),
      ...checkProcesses(scene),
      ...checkRunFiles(scene),
    ],
  };
}

function storeProblem(what: string, mend: string): Problem {
  return { check: "store", task: null, what, mend, repair: null };
}

function wrongKey({ clusterKey }: Paths): Problem {
  const what = `${clusterKey} is not the key of this cluster: what was given with --env cannot be read here`;
  return storeProblem(what, "copy cluster.key from another machine of the cluster");
}

/** Reports a machine that does not renew its lease while its daemon runs, or whose name another home has. */
async function checkLease(
  connection: Connection,
  name: string,
  { paths, daemonPid }: Tools,
): Promise<Problem[]> {
  const id = await machineId(connection, name);
  if (id === undefined || id !== homeId(paths)) {
    const what = `machine ${name} is ${id === undefined ? "not in the cluster any more" : "another home"}`;
    return [storeProblem(what, "agentctl cluster leave, then agentctl cluster join")];
  }
  const state = (await listMachines(connection)).find((machine) => machine.name === name)?.state;
  if (daemonPid === null || (state !== "away" && state !== "lost")) return [];
  const what = `the daemon runs, and machine ${name} is ${state}: its lease was not renewed in time`;
  return [{ ...storeProblem(what, `${paths.log} says why; agentctl daemon restart`), key: "lease" }];
}

/** Reports a standby that commits do not wait for: it lacks the latest ones, and every acknowledged one must last. */
async function checkStandby(connection: Connection): Promise<Problem[]> {
  const { rows } = await connection.query(
    `select (select count(*) from pg_stat_replication) as standbys,
       current_setting('synchronous_standby_names') as waited_for`,
    [],
  );
  if (rows[0]?.standbys === 0 || rows[0]?.waited_for !== "") return [];
  const what =
    "the database has a standby that no commit waits for: where it takes over, the newest steps are lost";
  return [storeProblem(what, "set synchronous_standby_names in postgresql.conf")];
}

/** Returns the attempts that should have a process here. */
async function liveAttempts(
  store: PostgresStore,
  machine: string,
  open: readonly Task[],
): Promise<KnownAttempt[]> {
  const localTasks = open.filter(
    (task) => task.machine === machine && (task.state === "working" || task.frozen),
  );
  const attempts = localTasks.map(async ({ id, frozen }) => {
    const attempt = (await store.attempts(id)).at(-1);
    if (!attempt || attempt.endedAt !== null) return [];
    const { n, token, runKey, pid } = attempt;
    return [{ task: id, n, token, runKey, pid, isLive: true, isFrozen: frozen }];
  });
  return (await Promise.all(attempts)).flat();
}

/** Returns the ended attempts whose marker is still on a process here. */
async function endedAttempts(connection: Connection, tokens: readonly string[]): Promise<KnownAttempt[]> {
  const sql = `select task_id as task, n, token, run_key as "runKey", pid from attempts
    where ended_at is not null and token = any ($1)`;
  const { rows } = await connection.query(sql, [tokens]);
  return (rows as unknown as KnownAttempt[]).map((row) => ({ ...row, isLive: false, isFrozen: false }));
}

/** Reports checkpoints and journals that open tasks would continue from and that cannot be read. */
async function checkSaved(store: PostgresStore, open: readonly Task[]): Promise<Problem[]> {
  const problems: Problem[] = [];
  const reportRefusal = (check: Problem["check"], id: number) => (error: unknown) => {
    const { message, data } = asAgentctlError(error);
    const mend = (data?.hint as string | undefined) ?? `agentctl show ${id}`;
    problems.push({ check, task: id, what: message, mend, repair: null });
  };
  for (const { id, checkpoint, journaled } of open) {
    if (journaled) await store.requireJournal(id).catch(reportRefusal("journal", id));
    if (checkpoint) await store.checkpointData(id, checkpoint.seq).catch(reportRefusal("checkpoints", id));
  }
  return problems;
}
