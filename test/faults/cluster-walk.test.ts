import { cpSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { postgresPrograms } from "../harness/postgres.ts";
import { Chance, seedOf } from "./chance.ts";
import { Machines, startServer } from "./cluster/machines.ts";
import { violationsOf } from "./cluster/rules.ts";
import { ALL_KINDS, ClusterWalk, LIMITS, MACHINES_ONLY } from "./cluster/walk.ts";

/**
 * To run it by hand: `npm run walk -- --cluster --seconds 3600`, or `--kills 1000` to run until 1000 machines are
 * killed. The leases are so short that a busy machine loses them.
 */
const SECONDS = Number(process.env.AGENTCTL_CLUSTER_SECONDS ?? 0);
const MACHINES_KILLED = Number(process.env.AGENTCTL_CLUSTER_KILLS ?? 0);
/** A walk consists of legs, each with new machines. */
const LEG_SECONDS = 60;

const MOST_LEGS = 1000;

const legs = MACHINES_KILLED > 0 ? MOST_LEGS : Math.max(1, Math.round(SECONDS / LEG_SECONDS));
const seconds = MACHINES_KILLED > 0 ? LEG_SECONDS : Math.min(SECONDS, LEG_SECONDS);
const length = MACHINES_KILLED > 0 ? `${MACHINES_KILLED} machines killed` : `${SECONDS} s`;

test(`nothing is lost on a random walk over three machines, ${length}`, {
  timeout: legs * 600_000,
  retry: 0,
}, async ({ skip }) => {
  skip(seconds === 0, "by hand: npm run walk -- --cluster");
  skip(postgresPrograms() === undefined, "needs PostgreSQL 15 or later, on Linux");
  const seed = seedOf("cluster walk");
  const server = await startServer();
  const total: Record<string, number> = {};
  try {
    const isDone = () => MACHINES_KILLED > 0 && (total["kill machine"] ?? 0) >= MACHINES_KILLED;
    for (let leg = 0; leg < legs && !isDone(); leg++) {
      const machines = await Machines.make(server, { count: 3, lease: "3s", slots: LIMITS.machine });
      const walk = new ClusterWalk(
        machines,
        new Chance(seed + leg),
        MACHINES_KILLED > 0 ? MACHINES_ONLY : ALL_KINDS,
      );
      let wrong: string[] = ["it broke off"];
      try {
        await walk.walk(seconds);
        wrong = [...(await violationsOf(machines, walk, LIMITS)), ...(await walk.ends())];
        expect(wrong).toEqual([]);
      } finally {
        if (wrong.length > 0) await keep(machines, seed + leg);
        walk.close();
        const left = await machines.close();
        if (wrong.length === 0) expect(left).toEqual([]);
      }
      for (const [what, count] of Object.entries(walk.done)) total[what] = (total[what] ?? 0) + count;
      total.tasks = (total.tasks ?? 0) + walk.ids.size;
      process.stderr.write(`leg ${leg + 1} of ${legs} (seed ${seed + leg}): ${JSON.stringify(total)}\n`);
    }
  } finally {
    await server.dispose();
  }
});

/** Keeps the files that help to find the cause of a failure. */
async function keep(machines: Machines, seed: number): Promise<void> {
  for (const { name, home } of machines.all) {
    const kept = `${home.root}-failed`;
    cpSync(home.root, kept, { recursive: true, filter: (path) => !path.endsWith(".sock") });
    process.stderr.write(`AGENTCTL_SEED=${seed}: home ${name} is kept in ${kept}\n`);
    for (const table of ["tasks", "attempts", "events", "machines"]) {
      const rows = await machines.rows(`select * from ${table}`).catch(() => []);
      writeFileSync(join(kept, `${table}.json`), rows.map((row) => JSON.stringify(row)).join("\n"));
    }
  }
}
