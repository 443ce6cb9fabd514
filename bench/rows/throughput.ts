/** A thousand short programs in two slots, compared with a queue that keeps nothing on disk. */
import { spawn, spawnSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ended, type Home, plainEnvironment, withHome } from "../home.ts";
import { inPairs, timed } from "../pairs.ts";
import type { Effort, Outcome, Row } from "../row.ts";

const JOBS = 1000;

/** Returns the name of the installed task spooler: Debian calls it tsp. */
function spooler(): string | undefined {
  return ["tsp", "ts"].find((name) => {
    const { stdout, status } = spawnSync(name, ["-h"], { encoding: "utf8", env: spoolerEnvironment() });
    return status === 0 && /task spooler/i.test(stdout);
  });
}

/** Returns an environment with a separate server for each run: the previous one may not have ended yet. */
function spoolerEnvironment(run = 0): NodeJS.ProcessEnv {
  const socket = join(tmpdir(), `agentctl-bench-tsp-${process.pid}-${run}`);
  return { ...plainEnvironment(), TS_SOCKET: socket, TS_MAXFINISHED: String(JOBS + 1) };
}

async function spoolerTime(name: string, run: number): Promise<number> {
  const env = spoolerEnvironment(run);
  const shell = (script: string) => ended(spawn("/bin/sh", ["-c", script], { env, stdio: "ignore" }));
  await shell(`${name} -S 2`);
  // The last job may end before the one that runs beside it, so we wait for both.
  const submit = `i=0; while [ $i -lt ${JOBS} ]; do ${name} true; i=$((i+1)); done`;
  const ms = await timed(() => shell(`${submit}; ${name} -w ${JOBS - 2}; ${name} -w ${JOBS - 1}`));
  await shell(
    `for file in $(${name} -l | sed -n 's/.*\\(\\/[^ ]*ts-out[^ ]*\\).*/\\1/p'); do rm -f "$file"; done; ${name} -K`,
  );
  rmSync(env.TS_SOCKET as string, { force: true });
  return ms;
}

async function allEnded(home: Home, submit: () => Promise<void>, before: number): Promise<void> {
  const peer = await home.connect();
  await submit();
  await Promise.all([before + JOBS - 1, before + JOBS].map((id) => peer.call("tasks/wait", { id })));
  // Earlier tasks may still run when these two have ended, so we wait until the daemon counts no open task.
  for (;;) {
    const { tasks } = await peer.call("daemon/status", {});
    if ((tasks.submitted ?? 0) + (tasks.working ?? 0) === 0) return peer.close();
  }
}

async function against(effort: Effort, submit: (home: Home) => () => Promise<void>): Promise<Outcome> {
  const name = spooler();
  if (!name) return { skipped: "task-spooler is not installed" };
  return await withHome(async (home) => {
    const once = submit(home);
    let before = 0;
    const ours = async () => {
      const ms = await timed(() => allEnded(home, once, before));
      before += JOBS;
      return ms;
    };
    let run = 0;
    return await inPairs(effort.pairs(7), ours, () => spoolerTime(name, ++run));
  });
}

export const throughput: Row[] = [
  {
    name: "batch",
    what: "1000 × true, two slots, by batch",
    against: "task-spooler",
    target: { is: "at most", value: 1.5, unit: "×" },
    measure: (effort) =>
      against(effort, (home) => {
        const file = join(home.path, "thousand.jsonl");
        writeFileSync(file, `${JSON.stringify({ argv: ["true"] })}\n`.repeat(JOBS));
        return () => home.spawn("batch", file);
      }),
  },
  {
    name: "create",
    what: "1000 × true, two slots, by tasks/create",
    against: "task-spooler",
    target: { is: "at most", value: 1.6, unit: "×" },
    measure: (effort) =>
      against(effort, (home) => async () => {
        const peer = await home.connect();
        await Promise.all(Array.from({ length: JOBS }, () => peer.call("tasks/create", { argv: ["true"] })));
        peer.close();
      }),
  },
];
