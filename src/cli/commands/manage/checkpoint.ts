import { randomUUID } from "node:crypto";
import { callAsTask } from "../../../client/attempt.ts";
import { defined } from "../../../core/defined.ts";
import { AgentctlError } from "../../../core/errors.ts";
import type { Result } from "../../../protocol/methods.ts";
import type { Context } from "../../command/context.ts";
import { command, type Group, value } from "../../command/define.ts";
import { integer } from "../../command/option-values.ts";
import { reference, withDaemon } from "../../command/session.ts";
import { usage } from "../../command/usage.ts";
import { fileOrStdin } from "../../input/input.ts";
import { tableLines } from "../../text/table.ts";
import { oneLine } from "../../text/terminal-text.ts";
import { sizeText, whenText } from "../../text/when.ts";

/** The largest checkpoint, in bytes, that fits into one line on the socket as base64. */
const MAX_BYTES = 12_000_000;

const save = command({
  name: "save",
  summary: "save a checkpoint of the task that calls this; durable when it returns",
  args: [["[file]", "the file to save; - and none read stdin"]],
  options: { label: value("--label <text>", "a description for people") },
  examples: [
    ["checkpoint save state.json", "in a script that agentctl runs; prints the checkpoint's number"],
    ["checkpoint save < state.json", "the same from stdin"],
  ],
  isHomeless: true,
  async run(context, [file], { label }) {
    const { out } = context;
    const { socket, token } = callingTask(context, "checkpoint save");
    const bytes = await fileOrStdin(context, file);
    if (bytes.length > MAX_BYTES)
      throw new AgentctlError("CheckpointTooLarge", { size: bytes.length, limit: MAX_BYTES });
    const { seq } = await callAsTask(socket, "attempt/checkpoint", {
      token,
      data: bytes.toString("base64"),
      nonce: randomUUID(),
      ...defined({ label }),
    });
    if (out.json) out.data({ seq });
    else out.line(String(seq));
    return 0;
  },
});

const get = command({
  name: "get",
  summary: "print the bytes of a checkpoint",
  args: [["[id]", "a task's id, uuid or name; inside a task, without it, the task that calls this"]],
  options: { seq: value("--seq <n>", "its number, when not the newest", integer(1)) },
  examples: [
    [
      "checkpoint get > state.json",
      "in a script that agentctl runs: its own newest one; exit code 3 for none",
    ],
    ["checkpoint get 12 --seq 2", "the second one of task 12"],
  ],
  reads: true,
  async run(context, [id], { seq }) {
    const { out } = context;
    const { checkpoint, data } = await fetchCheckpoint(context, id, defined({ seq }));
    if (out.json) out.data({ ...checkpoint, data });
    else await out.bytes(Buffer.from(data, "base64"));
    return 0;
  },
});

const list = command({
  name: "list",
  summary: "the kept checkpoints of a task",
  args: [["<id>", "a task's id, uuid or name"]],
  options: {},
  examples: [["checkpoint list 12", "numbers, sizes and times, oldest first"]],
  reads: true,
  async run(context, [id = ""]) {
    const { out, clock } = context;
    const params = { id: reference(id) };
    const { checkpoints } = await withDaemon(context, (rpc) => rpc.call("checkpoints/list", params));
    if (out.json) out.data(checkpoints);
    else if (checkpoints.length === 0) out.note(`task ${id} has no checkpoints`);
    else {
      const columns = [
        { title: "SEQ" },
        { title: "SAVED" },
        { title: "SIZE", dropOrder: 2 },
        { title: "ATTEMPT", dropOrder: 3 },
        { title: "LABEL", minWidth: 8, dropOrder: 1 },
      ];
      const rows = checkpoints.map(({ seq, createdAt, size, attempt, label, superseded }) => [
        String(seq),
        whenText(createdAt, clock.now()),
        sizeText(size),
        String(attempt),
        [label === null ? "" : oneLine(label), superseded ? "superseded" : ""].filter(Boolean).join(", "),
      ]);
      for (const line of tableLines(columns, rows, out.columns)) out.line(line);
    }
    return 0;
  },
});

export const checkpoint: Group = {
  name: "checkpoint",
  summary: "save, read and list the progress of tasks",
  commands: [save, get, list],
};

function callingTask({ env }: Context, commandName: string): { id: string; socket: string; token: string } {
  const { AGENTCTL_TASK_ID: id, AGENTCTL_SOCKET: socket, AGENTCTL_TOKEN: token } = env;
  if (id && socket && token) return { id, socket, token };
  throw usage(`${commandName} serves the task that calls it, and this is not running in a task`, {
    hint: `agentctl run sh -c 'agentctl ${commandName}' runs it in one`,
  });
}

async function fetchCheckpoint(
  context: Context,
  id: string | undefined,
  seqParam: { seq?: number },
): Promise<Result<"checkpoints/get">> {
  if (id !== undefined)
    return await withDaemon(context, (rpc) =>
      rpc.call("checkpoints/get", { id: reference(id), ...seqParam }),
    );
  const caller = callingTask(context, "checkpoint get");
  return await callAsTask(caller.socket, "checkpoints/get", { id: reference(caller.id), ...seqParam });
}
