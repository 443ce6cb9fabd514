/** The cost of a long history: the same commands with a full and with an empty store. */
import { copyTask } from "../fill.ts";
import { Home, until } from "../home.ts";
import { inPairs, timed } from "../pairs.ts";
import type { Effort, Outcome, Row } from "../row.ts";

const ENDED = 100_000;
const OPEN = 10_000;

/** Opens a home with `ended` ended tasks and `open` tasks that wait in a held queue. Its daemon is stopped. */
export async function filled({ ended = 0, open = 0 }): Promise<Home> {
  const home = await Home.open();
  home.run("run", "--wait", "true");
  if (open > 0) {
    home.run("queue", "set", "held", "--slots", "1");
    home.run("queue", "hold", "held");
    home.run("run", "--queue", "held", "true");
  }
  home.run("daemon", "stop");
  if (ended > 0) copyTask(home, 1, ended);
  if (open > 0) copyTask(home, 2, open);
  return home;
}

async function beside(effort: Effort, words: string[], sizes: { ended: number }): Promise<Outcome> {
  const full = await filled(sizes);
  const empty = await filled({});
  try {
    for (const home of [full, empty]) home.run("daemon", "start");
    const [fullPeer, emptyPeer] = [await full.connect(), await empty.connect()];
    const once = async (home: Home, peer: typeof fullPeer) => {
      const ms = await timed(() => home.spawn(...words));
      const { tasks } = await peer.call("tasks/list", { recent: 1 });
      const last = tasks.at(-1);
      if (last) await until(peer, last.id, ["completed"]);
      return ms;
    };
    for (const home of [full, empty]) home.run(...words);
    return await inPairs(
      effort.pairs(31),
      () => once(full, fullPeer),
      () => once(empty, emptyPeer),
    );
  } finally {
    await full.close();
    await empty.close();
  }
}

/** Returns how long a daemon takes to start until it responds, in ms. */
async function startMs(home: Home): Promise<number> {
  const ms = await timed(() => home.spawn("daemon", "start"));
  home.run("daemon", "stop");
  return ms;
}

export const history: Row[] = [
  {
    name: "history-list",
    what: "agentctl list with 100,000 ended tasks",
    against: "an empty store",
    target: { is: "at most", value: 1.2, unit: "×" },
    measure: (effort) => beside(effort, ["list"], { ended: ENDED }),
  },
  {
    name: "history-run",
    what: "agentctl run with 100,000 ended tasks",
    against: "an empty store",
    target: { is: "at most", value: 1.2, unit: "×" },
    measure: (effort) => beside(effort, ["run", "true"], { ended: ENDED }),
  },
  {
    name: "start",
    what: "start of the daemon, 100,000 ended and 10,000 open tasks",
    against: "an empty store",
    target: { is: "at most", value: 3, unit: "×" },
    async measure(effort) {
      const full = await filled({ ended: ENDED, open: OPEN });
      const empty = await filled({});
      try {
        for (const home of [full, empty]) await startMs(home);
        return await inPairs(
          effort.pairs(9),
          () => startMs(full),
          () => startMs(empty),
        );
      } finally {
        await full.close();
        await empty.close();
      }
    },
  },
];
