import { AgentctlError } from "../../../core/errors.ts";
import type { ArtifactJson } from "../../../protocol/methods.ts";
import type { RpcClient } from "../../../protocol/rpc-client.ts";
import { command, type Group } from "../../command/define.ts";
import { reference, withDaemon } from "../../command/session.ts";
import { usage } from "../../command/usage.ts";
import { readArtifact } from "../../follow/task-files.ts";
import { tableLines } from "../../text/table.ts";
import { oneLine } from "../../text/terminal-text.ts";
import { sizeText, whenText } from "../../text/when.ts";

const idArgument = ["<id>", "a task's id, uuid or name"] as const;

const list = command({
  name: "list",
  summary: "what a task left behind",
  args: [idArgument],
  options: {},
  examples: [["artifact list 12", "names, sizes, and where the files are"]],
  reads: true,
  async run(context, [id = ""]) {
    const { out, clock } = context;
    const params = { id: reference(id) };
    const { artifacts } = await withDaemon(context, (rpc) => rpc.call("artifacts/list", params));
    if (out.json) out.data(artifacts);
    else if (artifacts.length === 0) out.note(`task ${id} left no artifacts`);
    else {
      const columns = [
        { title: "NAME", minWidth: 32, isCutLast: true },
        { title: "SIZE", isRight: true, dropOrder: 1 },
        { title: "KEPT", dropOrder: 2 },
        { title: "FILE", minWidth: 24, dropOrder: 3 },
      ];
      const rows = artifacts.map(({ name, size, createdAt, path }) => [
        oneLine(name),
        sizeText(size),
        whenText(createdAt, clock.now()),
        oneLine(path),
      ]);
      for (const line of tableLines(columns, rows, out.columns)) out.line(line);
    }
    return 0;
  },
});

const get = command({
  name: "get",
  summary: "print the bytes of an artifact",
  args: [idArgument, ["[name]", "the artifact's name, needed when there are several"]],
  options: {},
  examples: [["artifact get 12 report.pdf > report.pdf", "a copy of the file"]],
  reads: true,
  async run(context, [id = "", name]) {
    const { out } = context;
    return await withDaemon(context, async (rpc) => {
      const selected = await findArtifact(rpc, id, name);
      if (out.json) out.data(selected);
      else
        await readArtifact(context, rpc, { id: reference(id), artifact: selected }, (chunk) =>
          out.bytes(chunk),
        );
      return 0;
    });
  },
});

async function findArtifact(rpc: RpcClient, id: string, name: string | undefined): Promise<ArtifactJson> {
  if (name !== undefined) return (await rpc.call("artifacts/get", { id: reference(id), name })).artifact;
  const { artifacts } = await rpc.call("artifacts/list", { id: reference(id) });
  const [only, ...others] = artifacts;
  if (only && others.length === 0) return only;
  if (only) throw usage(`which one? ${artifacts.map((each) => oneLine(each.name)).join(", ")}`);
  const { task } = await rpc.call("tasks/get", { id: reference(id) });
  const reason = `task ${task.id} left no artifacts`;
  throw new AgentctlError("ArtifactNotFound", { id: task.id, state: task.state, reason });
}

export const artifact: Group = {
  name: "artifact",
  summary: "files that a task left behind",
  commands: [list, get],
};
