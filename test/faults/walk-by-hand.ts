// Runs a walk by hand. `npm run walk -- --seconds 3600 --seed 7`: the random walk for an hour. --power: with power
// failures. --kills 100: the kills under load. --cluster: on three machines; there, --kills 1000 runs until that many
// machines were killed, and --programs 1000 runs that many short programs without kills.
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
