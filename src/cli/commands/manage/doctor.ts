import { connect } from "../../../client/connect.ts";
import { examineHere } from "../../../client/local-daemon.ts";
import { isGone } from "../../../client/persist.ts";
import { stopDaemon } from "../../../client/stop.ts";
import type { Report } from "../../../home/upkeep.ts";
import type { Result } from "../../../protocol/methods.ts";
import type { Context } from "../../command/context.ts";
import { command, flag } from "../../command/define.ts";
import { withDaemon } from "../../command/session.ts";
import { counted } from "../../text/counted.ts";
import { block } from "../../text/terminal-text.ts";
import { wrapBlock } from "../../text/wrap.ts";

export const doctor = command({
  name: "doctor",
  summary: "check store, checkpoints, processes and files; say what is wrong and how to repair it",
  notes:
    "It only reads, and works beside a daemon, without one, and when the daemon refuses to start. --repair makes a backup and replaces " +
    "the daemon; tasks continue meanwhile. Exit code 1 while something is wrong.",
  args: [],
  options: { repair: flag("--repair", "repair what can be repaired") },
  examples: [
    ["doctor", "is everything in order?"],
    ["doctor --repair", "repair it, and say what is left"],
  ],
  reads: true,
  isLocal: true,
  async run(context, _args, { repair }) {
    const before = await examined(context);
    if (!repair || before.problems.length === 0) return say(context, before, []);
    const after = await mended(context);
    const left = new Set(after.problems.map(({ what }) => what));
    return say(
      context,
      after,
      before.problems.filter(({ what }) => !left.has(what)),
    );
  },
});

/** Stops the daemon to repair the home, then starts one, which recovers attempts that have no process. */
async function mended(context: Context): Promise<Told> {
  await stopDaemon(context.paths, { keep: true });
  await examineHere({ daemonPid: null, repair: true });
  try {
    await withDaemon(context, (rpc) => rpc.call("daemon/status", {}));
  } catch (error) {
    context.out.note(`the daemon does not start: ${(error as Error).message}`);
  }
  return await examined(context);
}

type Told = Report & { http: Result<"daemon/status">["http"] };

/** Checks the home and the running daemon. */
async function examined(context: Context): Promise<Told> {
  const status = await statusOf(context);
  const report = await examineHere({ daemonPid: status?.pid ?? null, repair: false });
  const http = status?.http ?? null;
  if (!http?.error) return { ...report, http };
  const what = `the daemon does not answer over HTTP at ${http.listen}: ${http.error}`;
  const mend = "agentctl config set http.listen 127.0.0.1:<another port>";
  return { ...report, http, problems: [...report.problems, { check: "http", task: null, what, mend }] };
}

/** How long the daemon may take to respond before we treat it as absent, in ms. */
const PATIENCE_MS = 5000;

async function statusOf({ paths, env, out }: Context): Promise<Result<"daemon/status"> | null> {
  try {
    const rpc = await connect({ paths, env, start: "never", anyVersion: true });
    const silent = setTimeout(() => {
      out.note(`the daemon does not answer; its log: ${paths.log}`);
      rpc.close();
    }, PATIENCE_MS);
    const status = rpc.call("daemon/status", {}).finally(() => {
      clearTimeout(silent);
      rpc.close();
    });
    return await status;
  } catch (error) {
    if (isGone(error)) return null;
    throw error;
  }
}

/** How many problems are printed, and how many repaired ones; `--json` has all of them. */
const MOST_SHOWN = 20;

function say({ out }: Context, { looked, problems, http }: Told, mendedNow: Report["problems"]): number {
  const isHealthy = problems.length === 0;
  if (out.json) {
    const all = [
      ...problems.map((problem) => ({ ...problem, mended: false })),
      ...mendedNow.map((problem) => ({ ...problem, mended: true })),
    ];
    out.data({ healthy: isHealthy, looked, http, problems: all });
    return isHealthy ? 0 : 1;
  }
  const { columns } = out;
  const line = (text: string) => out.line(columns === undefined ? text : wrapBlock(text, columns));
  for (const { what } of mendedNow.slice(0, MOST_SHOWN)) line(`mended: ${block(what)}`);
  if (mendedNow.length > MOST_SHOWN) line(`mended: ${mendedNow.length - MOST_SHOWN} more`);
  const counts = Object.entries(looked).map(
    ([name, count]) => `${count} ${count === 1 ? name.replace(/(?<=ss)es$|s$/, "") : name}`,
  );
  if (isHealthy) {
    line(`healthy: ${counts.join(", ")}${http?.url ? `; answers at ${http.url}` : ""}`);
    return 0;
  }
  line(`${counted(problems.length, "problem")} in ${counts.join(", ")}`);
  for (const { check, what, mend } of problems.slice(0, MOST_SHOWN)) {
    line(`  ${check}: ${block(what)}`);
    line(`    ${block(mend)}`);
  }
  if (problems.length > MOST_SHOWN)
    line(`  and ${problems.length - MOST_SHOWN} more: agentctl doctor --json`);
  return 1;
}
