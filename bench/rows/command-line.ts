/** Whole processes of the command line, compared with a Node that does nothing. */
import { emptyNode, type Home, until, withHome } from "../home.ts";
import { inPairs, timed } from "../pairs.ts";
import type { Row } from "../row.ts";

const TASKS = 12;

function commandRow(
  verb: string,
  most: number,
  of: (home: Home) => Promise<{ words: () => string[]; after?: () => Promise<void> }>,
): Row {
  return {
    name: `cli-${verb}`,
    what: `agentctl ${verb}, whole process`,
    against: "node -e 0",
    target: { is: "at most", value: most, unit: "×" },
    measure: (effort) =>
      withHome(async (home) => {
        const { words, after } = await of(home);
        const ours = async () => {
          const args = words();
          const ms = await timed(() => home.spawn(...args));
          await after?.();
          return ms;
        };
        await ours();
        await emptyNode();
        return await inPairs(effort.pairs(31), ours, () => timed(emptyNode));
      }),
  };
}

async function endedTasks(home: Home): Promise<void> {
  for (let i = 0; i < TASKS; i++) home.run("run", "--wait", "true");
}

export const commandLine: Row[] = [
  commandRow("list", 1.35, async (home) => {
    await endedTasks(home);
    return { words: () => ["list"] };
  }),
  commandRow("show", 1.35, async (home) => {
    await endedTasks(home);
    return { words: () => ["show", "1"] };
  }),
  commandRow("pause", 1.5, async (home) => {
    const peer = await home.connect();
    const { task } = await peer.call("tasks/create", { argv: ["sleep", "1000"] });
    await until(peer, task.id, ["working"]);
    const after = async () => {
      await peer.call("tasks/resume", { id: task.id });
      await until(peer, task.id, ["working"]);
    };
    return { words: () => ["pause", String(task.id)], after };
  }),
  commandRow("run", 1.5, async (home) => {
    const peer = await home.connect();
    let id = 0;
    const after = async () => {
      await until(peer, ++id, ["completed"]);
    };
    return { words: () => ["run", "true"], after };
  }),
];
