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
    const before = await examine(context);
    if (!repair || before.problems.length === 0) return printReport(context, before, []);
    const after = await repairHome(context);
    const remaining = new Set(after.problems.map(({ what }) => what));
    return printReport(
      context,
      after,
      before.problems.filter(({ what }) => !remaining.has(what)),
    );
  },
});

/** Stops the daemon to repair the home, then starts one, which recovers attempts that have no process. */
async function repairHome(context: Context): Promise<HomeReport> {
  await stopDaemon(context.paths, { keep: true });
  await examineHere({ daemonPid: null, repair: true });
  try {
    await withDaemon(context, (rpc) => rpc.call("daemon/status", {}));
  } catch (error) {
    context.out.note(`the daemon does not start: ${(error as Error).message}`);
  }
  return await examine(context);
}

type HomeReport = Report & { http: Result<"daemon/status">["http"] };

/** Checks the home and the running daemon. */
async function examine(context: Context): Promise<HomeReport> {
  const status = await fetchStatus(context);
  const report = await examineHere({ daemonPid: status?.pid ?? null, repair: false });
  const http = status?.http ?? null;
  if (!http?.error) return { ...report, http };
  const problem = `the daemon does not answer over HTTP at ${http.listen}: ${http.error}`;
  const repairHint = "agentctl config set http.listen 127.0.0.1:<another port>";
  return {
    ...report,
    http,
    problems: [...report.problems, { check: "http", task: null, what: problem, mend: repairHint }],
  };
}

/** How long the daemon may take to respond before we treat it as absent, in ms. */
const RESPONSE_TIMEOUT_MS = 5000;

async function fetchStatus({ paths, env, out }: Context): Promise<Result<"daemon/status"> | null> {
  try {
    const rpc = await connect({ paths, env, start: "never", anyVersion: true });
    const timer = setTimeout(() => {
      out.note(`the daemon does not answer; its log: ${paths.log}`);
      rpc.close();
    }, RESPONSE_TIMEOUT_MS);
    const status = rpc.call("daemon/status", {}).finally(() => {
      clearTimeout(timer);
      rpc.close();
    });
    return await status;
  } catch (error) {
    if (isGone(error)) return null;
    throw error;
  }
}

/** How many problems are printed, and how many repaired ones; `--json` has all of them. */
const MAX_SHOWN = 20;

function printReport(
  { out }: Context,
  { looked, problems, http }: HomeReport,
  repaired: Report["problems"],
): number {
  const isHealthy = problems.length === 0;
  if (out.json) {
    const all = [
      ...problems.map((problem) => ({ ...problem, mended: false })),
      ...repaired.map((problem) => ({ ...problem, mended: true })),
    ];
    out.data({ healthy: isHealthy, looked, http, problems: all });
    return isHealthy ? 0 : 1;
  }
  const { columns } = out;
  const line = (text: string) => out.line(columns === undefined ? text : wrapBlock(text, columns));
  for (const { what } of repaired.slice(0, MAX_SHOWN)) line(`mended: ${block(what)}`);
  if (repaired.length > MAX_SHOWN) line(`mended: ${repaired.length - MAX_SHOWN} more`);
  const counts = Object.entries(looked).map(
    ([name, count]) => `${count} ${count === 1 ? name.replace(/(?<=ss)es$|s$/, "") : name}`,
  );
  if (isHealthy) {
    line(`healthy: ${counts.join(", ")}${http?.url ? `; answers at ${http.url}` : ""}`);
    return 0;
  }
  line(`${counted(problems.length, "problem")} in ${counts.join(", ")}`);
  for (const { check, what, mend: repairHint } of problems.slice(0, MAX_SHOWN)) {
    line(`  ${check}: ${block(what)}`);
    line(`    ${block(repairHint)}`);
  }
  if (problems.length > MAX_SHOWN) line(`  and ${problems.length - MAX_SHOWN} more: agentctl doctor --json`);
  return 1;
}
