/** `npm run walk -- --seconds 3600 --seed 7`: the random walk for as long as wanted; --power: with power failures; --kills 100: the kills under load; --cluster: over three machines, with --kills 1000 until so many were killed, with --programs 1000 that many short ones and no kills. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    seconds: { type: "string" },
    seed: { type: "string" },
    kills: { type: "string" },
    power: { type: "boolean" },
    cluster: { type: "boolean" },
    programs: { type: "string" },
  },
});
const root = join(import.meta.dirname, "../..");
const walk = values.power ? "walk-power" : "random";
const alone = values.kills ? "load" : walk;
const together = values.programs ? "cluster-programs" : "cluster-walk";
const file = values.cluster ? together : alone;
const args = [join(root, "node_modules/vitest/vitest.mjs"), "run", "--root", root, "--project", "faults"];
const { status } = spawnSync(process.execPath, [...args, `test/faults/${file}.test.ts`], {
  stdio: "inherit",
  env: {
    ...process.env,
    [values.cluster ? "AGENTCTL_CLUSTER_SECONDS" : "AGENTCTL_WALK_SECONDS"]: values.seconds ?? "60",
    ...(values.seed && { AGENTCTL_SEED: values.seed }),
    ...(values.kills && { [values.cluster ? "AGENTCTL_CLUSTER_KILLS" : "AGENTCTL_KILLS"]: values.kills }),
    ...(values.programs && { AGENTCTL_CLUSTER_PROGRAMS: values.programs }),
  },
});
process.exitCode = status ?? 1;
