import type { QueueJson } from "../../../protocol/methods.ts";
import type { Context } from "../../command/context.ts";
import { choice, command, type Group, value } from "../../command/define.ts";
import { integer } from "../../command/option-values.ts";
import { withDaemon } from "../../command/session.ts";
import { usage } from "../../command/usage.ts";
import { counted } from "../../text/counted.ts";
import { queueTable } from "../../text/queue-table.ts";

const nameArgument = ["<queue>", "a queue's name"] as const;

const list = command({
  name: "list",
  summary: "the queues, their slots, and what works and waits in each",
  args: [],
  options: {},
  examples: [["queue list", "all queues"]],
  reads: true,
  async run(context) {
    const { out } = context;
    const { queues } = await withDaemon(context, (rpc) => rpc.call("queues/list", {}));
    if (out.json) out.data(queues);
    else for (const line of queueTable(queues, context.clock.now(), out.columns)) out.line(line);
    return 0;
  },
});

const onOff = ["on", "off"] as const;

/** Parses a number of slots; null for no limit. */
function parseSlots(text: string): number | null {
  return text === "unlimited" ? null : integer(0)(text);
}

const set = command({
  name: "set",
  summary: "make a queue, or change how many slots it has and who may take them",
  args: [nameArgument],
  options: {
    slots: value(
      "--slots <n|unlimited>",
      "how many slots its working tasks take together; 0 starts nothing",
      parseSlots,
    ),
    numbered: choice(
      "--numbered <on|off>",
      "its tasks find the numbers of their slots in $AGENTCTL_SLOT",
      onOff,
    ),
    preempt: choice(
      "--preempt <on|off>",
      "a waiting task may pause one of lower priority at a checkpoint",
      onOff,
    ),
  },
  examples: [
    ["queue set nightly --slots 1", "one task at a time"],
    ["queue set default --slots 8", "eight at a time in the default queue"],
    ["queue set gpu --slots 2 --numbered on", "AGENTCTL_SLOT is 0 or 1, one for each task that works"],
    ["queue set gpu --preempt on", "an urgent task need not wait: run --priority 10"],
  ],
  async run(context, [name = ""], { slots, numbered, preempt }) {
    if (slots === undefined && numbered === undefined && preempt === undefined) {
      throw usage("nothing to set: --slots, --numbered or --preempt is missing");
    }
    const change = {
      ...(slots === undefined ? {} : { slots }),
      ...(numbered === undefined ? {} : { numbered: numbered === "on" }),
      ...(preempt === undefined ? {} : { preempt: preempt === "on" }),
    };
    const { queue, created } = await withDaemon(context, (rpc) =>
      rpc.call("queues/set", { name, ...change }),
    );
    printQueue(context, queue, `queue ${queue.name} ${created ? "made" : "set"}: ${queueText(queue)}`);
    return 0;
  },
});

function queueText({ slots, numbered, preempt }: QueueJson): string {
  const idleNote = slots === 0 ? ", so nothing of it is started" : "";
  const count = slots === null ? "unlimited slots" : `${counted(slots, "slot")}${idleNote}`;
  return [count, ...(numbered ? ["numbered"] : []), ...(preempt ? ["preempting"] : [])].join(", ");
}

const hold = command({
  name: "hold",
  summary: "let a queue start nothing; what works goes on",
  args: [nameArgument],
  options: {},
  examples: [["queue hold nightly", "nothing more of it is started until it is released"]],
  async run(context, [name = ""]) {
    const { queue, changed } = await withDaemon(context, (rpc) => rpc.call("queues/hold", { name }));
    if (changed || context.out.json) printQueue(context, queue, `queue ${queue.name} held`);
    else context.out.note(`queue ${queue.name} is held already`);
    return 0;
  },
});

const release = command({
  name: "release",
  summary: "let a held queue start tasks again",
  args: [nameArgument],
  options: {},
  examples: [["queue release nightly", "its tasks are started as slots are free"]],
  async run(context, [name = ""]) {
    const { queue, changed } = await withDaemon(context, (rpc) => rpc.call("queues/release", { name }));
    if (changed || context.out.json) printQueue(context, queue, `queue ${queue.name} released`);
    else context.out.note(`queue ${queue.name} is not held`);
    return 0;
  },
});

const remove = command({
  name: "remove",
  summary: "remove an empty queue",
  args: [nameArgument],
  options: {},
  examples: [["queue remove nightly", "removes the queue; the default queue cannot be removed"]],
  async run(context, [name = ""]) {
    const { queue } = await withDaemon(context, (rpc) => rpc.call("queues/remove", { name }));
    printQueue(context, queue, `queue ${queue.name} removed`);
    return 0;
  },
});

export const queue: Group = {
  name: "queue",
  summary: "queues of tasks, each with a number of slots",
  commands: [list, set, hold, release, remove],
};

function printQueue({ out }: Context, queue: QueueJson, text: string): void {
  if (out.json) out.data(queue);
  else out.line(text);
}
