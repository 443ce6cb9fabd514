import { changeMachineHere, clusterHere, dropMachineHere } from "../../../client/cluster.ts";
import { type MachineInfo, type Takeover, takeovers } from "../../../core/cluster/machines.ts";
import { defined } from "../../../core/defined.ts";
import type { Context } from "../../command/context.ts";
import { command, type Group, Refusal, value, values } from "../../command/define.ts";
import { integer, pair } from "../../command/option-values.ts";
import { usage } from "../../command/usage.ts";
import { machineTable } from "../../text/machine-table.ts";

const list = command({
  name: "list",
  summary: "the machines of the cluster, and what each does",
  args: [],
  options: {},
  examples: [["machine list", "state, slots, labels and tasks of each"]],
  isLocal: true,
  async run({ paths, out, clock }) {
    const { machines } = await clusterHere(paths);
    if (out.json) out.data(machines);
    else for (const line of machineTable(machines, clock.now(), out.columns)) out.line(line);
    return 0;
  },
});

const set = command({
  name: "set",
  summary: "change the slots and labels of a machine, and which tasks it takes",
  args: [["<machine>", "its name"]],
  notes:
    "key= removes a label. With --takeover never, no other machine takes its tasks while it is away, and they may keep " +
    "running there; for a machine that is away, set auto again only when nothing runs there any more.",
  options: {
    slots: value("--slots <n>", "how many slots tasks may take there; 0 starts nothing", integer(0)),
    labels: values("-l, --label <key=value>", "a label, for run --on (repeatable)", pair),
    accept: value(
      "--accept <roles>",
      "take the tasks of these database roles alone, such as ada,ci, or of all",
      parseRoles,
    ),
    takeover: value(
      "--takeover <when>",
      "whether others go on with its tasks when its lease is over",
      parseTakeover,
    ),
  },
  examples: [
    ["machine set box2 --slots 4 --label gpu=h100", "four at once, and a name for what it has"],
    ["machine set laptop --takeover never", "its tasks wait for it when it sleeps"],
  ],
  isLocal: true,
  async run(context, [name = ""], { slots, labels, accept, takeover }) {
    const change = {
      ...defined({ slots, takeover, accept: accept === "all" ? null : accept }),
      ...(labels.length > 0 ? { labels: Object.fromEntries(labels) } : {}),
    };
    if (Object.keys(change).length === 0)
      throw usage("nothing to change: --slots, --label, --accept or --takeover");
    return reportChanged(context, await changeMachineHere(context.paths, name, change));
  },
});

/** Parses names of roles, or `all`. */
function parseRoles(text: string): string[] | "all" {
  if (text === "all") return text;
  const names = text.split(",").map((role) => role.trim());
  if (names.includes(""))
    throw new Refusal(`${JSON.stringify(text)} is not a list of roles; use ada,ci or all`);
  return names;
}

function parseTakeover(text: string): Takeover {
  const takeover = takeovers.find((each) => each === text);
  if (takeover) return takeover;
  throw new Refusal(`${JSON.stringify(text)} is none of ${takeovers.join(", ")}`);
}

const drain = command({
  name: "drain",
  summary: "start nothing on a machine any more, and hand its tasks over",
  args: [["<machine>", "its name"]],
  notes:
    "Tasks that can save a checkpoint continue on other machines; the others are frozen. A restart of its daemon ends this.",
  options: {},
  examples: [["machine drain box2", "before it is switched off"]],
  isLocal: true,
  async run(context, [name = ""]) {
    return reportChanged(context, await changeMachineHere(context.paths, name, { isDraining: true }));
  },
});

function reportChanged({ out }: Context, machine: MachineInfo): number {
  if (out.json) out.data({ ok: true, changed: true, machine });
  else {
    const idleNote = machine.slots === 0 ? ", so nothing is started there" : "";
    out.line(`machine ${machine.name}: ${machine.state}, ${machine.slots} slots${idleNote}`);
  }
  return 0;
}

const forget = command({
  name: "forget",
  summary: "take a machine that is gone out of the cluster",
  args: [["<machine>", "its name"]],
  options: {},
  examples: [["machine forget box2", "it does not come back"]],
  isLocal: true,
  async run({ paths, out }, [name = ""]) {
    const dropped = await dropMachineHere(paths, name);
    if (out.json) out.data({ ok: true, changed: true, ...dropped });
    else out.line(`machine ${dropped.name} is forgotten`);
    return 0;
  },
});

export const machine: Group = {
  name: "machine",
  summary: "the machines of a cluster",
  commands: [list, set, drain, forget],
};
