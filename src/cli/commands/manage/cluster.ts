import { clusterHere, initClusterHere, joinClusterHere, leaveClusterHere } from "../../../client/cluster.ts";
import { defined } from "../../../core/defined.ts";
import type { Context } from "../../command/context.ts";
import { command, flag, type Group, value, values } from "../../command/define.ts";
import { duration, integer, pair } from "../../command/option-values.ts";
import { withDaemon } from "../../command/session.ts";
import { usage } from "../../command/usage.ts";
import { absolutePath } from "../../input/input.ts";
import { machineTable } from "../../text/machine-table.ts";

const machineOptions = {
  name: value("--name <name>", "what this machine is called (the host's name)"),
  slots: value(
    "--slots <n>",
    "how many slots tasks may take on this machine (its CPUs); 0 starts nothing",
    integer(0),
  ),
  labels: values("-l, --label <key=value>", "a label of this machine, for run --on (repeatable)", pair),
  start: flag("--start", "start its daemon as well: from then on it takes tasks"),
};

const MIN_LEASE_MS = 3000;
const DEFAULT_LEASE_MS = 15_000;

const init = command({
  name: "init",
  summary: "make a cluster in a PostgreSQL database, and this home its first machine",
  args: [["<url>", "such as postgres://user@host/database"]],
  notes:
    "Anyone who may write to the database can run programs on every machine. The daemon of this home is stopped; the next " +
    "command, or --start, starts it as a machine of the cluster.",
  options: {
    ...machineOptions,
    lease: value(
      "--lease <duration>",
      "how long a machine keeps its tasks without a sign of life (15s)",
      duration,
    ),
    machineRoles: values(
      "--machine-role <role>",
      "a database role with which machines may join, that owns nothing there (repeatable)",
      String,
    ),
  },
  examples: [
    ["cluster init postgres://ada@localhost/work", "cluster.key in this home is for the other machines"],
  ],
  isLocal: true,
  async run(
    context,
    [url = ""],
    { name, slots, labels, start, machineRoles, lease: leaseMs = DEFAULT_LEASE_MS },
  ) {
    if (leaseMs < MIN_LEASE_MS) throw usage("--lease: at least 3s");
    const machine = await initClusterHere(context, {
      url,
      leaseMs,
      machineRoles,
      labels: Object.fromEntries(labels),
      ...defined({ name, slots }),
    });
    return await reportJoined(context, machine, start);
  },
});

const join = command({
  name: "join",
  summary: "make this home a machine of a cluster",
  args: [["<url>", "the database of the cluster"]],
  notes:
    "A home with open tasks of its own is refused. Its daemon is stopped; the next command, or --start, starts it as a machine of the cluster.",
  options: { keyFile: value("--key-file <file>", "cluster.key of a home in the cluster"), ...machineOptions },
  examples: [
    ["cluster join postgres://ada@db/work --key-file cluster.key", "with the key of the first machine"],
  ],
  isLocal: true,
  async run(context, [url = ""], { keyFile, name, slots, labels, start }) {
    if (keyFile === undefined) throw usage("--key-file is missing: cluster.key of a home in the cluster");
    const machine = await joinClusterHere(context, {
      url,
      keyFile: absolutePath(context, keyFile),
      labels: Object.fromEntries(labels),
      ...defined({ name, slots }),
    });
    return await reportJoined(context, machine, start);
  },
});

async function reportJoined(
  context: Context,
  machine: { name: string; keyFile: string },
  start: boolean,
): Promise<number> {
  const { out } = context;
  // The home has joined, even if its daemon cannot start.
  if (!out.json) out.line(`this home is machine ${machine.name}`);
  if (start) await withDaemon(context, (rpc) => rpc.call("daemon/status", {}));
  if (out.json) out.data({ ok: true, changed: true, ...machine });
  else {
    if (!start) out.note("agentctl daemon start has it take tasks, and so has the next command here");
    out.note(`agentctl cluster join … --key-file ${machine.keyFile} adds another one`);
  }
  return 0;
}

const leave = command({
  name: "leave",
  summary: "hand this machine's tasks over, and let the home stand alone again",
  args: [],
  notes:
    "The daemon is stopped, and its tasks continue on other machines. A frozen task keeps the machine in the cluster.",
  options: {},
  examples: [["cluster leave", "the home's own store is back"]],
  isLocal: true,
  async run(context) {
    const machine = await leaveClusterHere(context);
    if (context.out.json) context.out.data({ ok: true, changed: true, ...machine });
    else context.out.line(`machine ${machine.name} has left the cluster`);
    return 0;
  },
});

const status = command({
  name: "status",
  summary: "the database of the cluster, and its machines",
  args: [],
  options: {},
  examples: [["cluster status", "which machines are up"]],
  isLocal: true,
  async run({ paths, out, clock }) {
    const clusterInfo = await clusterHere(paths);
    if (out.json) out.data(clusterInfo);
    else {
      out.line(`this machine  ${clusterInfo.name}`);
      out.line(`database      ${clusterInfo.database}`);
      out.line(`lease         ${clusterInfo.leaseMs / 1000}s`);
      for (const line of machineTable(clusterInfo.machines, clock.now(), out.columns)) out.line(line);
    }
    return 0;
  },
});

export const cluster: Group = {
  name: "cluster",
  summary: "machines that share one store",
  commands: [init, join, leave, status],
};
