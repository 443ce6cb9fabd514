import { spawnSync } from "node:child_process";
import { DETACHED_VARIABLE, TOKEN_VARIABLE, TREE_VARIABLE, treeMarker } from "../../home/tree-marker.ts";
import type { Processes, ProcessStat, ShownSign } from "./processes.ts";

function outputOf(command: string, args: string[]): string {
  const { stdout } = spawnSync(command, args, {
    encoding: "utf8",
    env: { PATH: "/usr/bin:/bin:/usr/sbin:/sbin", LC_ALL: "C", TZ: "UTC" },
    stdio: ["ignore", "pipe", "ignore"],
    maxBuffer: 64 * 1024 * 1024,
  });
  return stdout ?? "";
}

const columns = "pid=,ppid=,state=,rss=,lstart=,ucomm=";
const rowPattern = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(\d+)\s+(\w+\s+\w+\s+\d+\s+[\d:]+\s+\d+)\s+(.*)$/;

function parseRow(line: string): (ProcessStat & { residentBytes: number }) | undefined {
  const [, pid, ppid, state = "", rss, started = "", command = ""] = rowPattern.exec(line) ?? [];
  if (pid === undefined) return undefined;
  return {
    pid: Number(pid),
    ppid: Number(ppid),
    session: 0,
    startTime: Date.parse(`${started} UTC`) / 1000,
    state: state.slice(0, 1),
    command: command.trim(),
    residentBytes: Number(rss) * 1024,
  };
}

/** Returns, by pid, what processes show about the attempt with this token. Those that show nothing are omitted. */
function signsByPid(token: string): Map<number, ShownSign> {
  const marker = treeMarker(token);
  const signs: [string, ShownSign][] = [
    [` ${DETACHED_VARIABLE}=${marker} `, "detached"],
    [` ${TREE_VARIABLE}=${marker} `, "own"],
    [` ${TOKEN_VARIABLE}=${token} `, "own"],
    [` ${TREE_VARIABLE}=`, "other"],
    [` ${TOKEN_VARIABLE}=`, "other"],
  ];
  const signByPid = new Map<number, ShownSign>();
  // -E appends the environment to the command, but only for this user's own processes.
  for (const line of outputOf("ps", ["-axEww", "-o", "pid=,command="]).split("\n")) {
    const sign = signs.find(([text]) => `${line} `.includes(text));
    if (sign) signByPid.set(Number.parseInt(line, 10), sign[1]);
  }
  return signByPid;
}

/** Creates the {@link Processes} of macOS, which runs a `ps` for each call. Start times are in whole seconds. */
export function createMacProcesses(): Processes {
  const rowOf = (pid: number) =>
    parseRow(outputOf("ps", ["-p", String(pid), "-o", columns]).split("\n")[0] ?? "");
  const boot = /sec = (\d+)/.exec(outputOf("sysctl", ["-n", "kern.boottime"]))?.[1] ?? "0";
  let lastRead = { token: "", scan: Number.NEGATIVE_INFINITY, shown: new Map<number, ShownSign>() };
  let scans = 0;

  const shows = (pid: number, token: string): ShownSign => {
    // One ps reads all processes of a scan.
    if (lastRead.token !== token || lastRead.scan !== scans) {
      lastRead = { token, scan: scans, shown: signsByPid(token) };
    }
    return lastRead.shown.get(pid) ?? "nothing";
  };

  return {
    bootId: outputOf("sysctl", ["-n", "kern.bootsessionuuid"]).trim() || boot,
    *scan() {
      scans++;
      const rows = outputOf("ps", ["-axo", columns]).split("\n").map(parseRow);
      for (const row of rows.reverse()) if (row !== undefined) yield row;
    },
    stat: rowOf,
    hasStatus: false,
    shows: (pid, { token }) => shows(pid, token),
    bears: (pid, token) => shows(pid, token) === "own",
    pids: () =>
      outputOf("ps", ["-axo", "pid="])
        .split("\n")
        .map((line) => Number.parseInt(line, 10))
        .filter((pid) => pid > 0),
    lastPid: () => undefined,
    now: () => 0,
    marked(home) {
      return outputOf("ps", ["-axEww", "-o", "pid=,command="])
        .split("\n")
        .flatMap((line) => {
          const token = / AGENTCTL_TOKEN=(\S+)/.exec(line)?.[1];
          const isOfHome = `${line} `.includes(` AGENTCTL_HOME=${home} `);
          return token !== undefined && isOfHome ? [{ pid: Number.parseInt(line, 10), token }] : [];
        });
    },
    argv(pid) {
      return outputOf("ps", ["-p", String(pid), "-ww", "-o", "command="])
        .trimEnd()
        .split(" ");
    },
    residentBytes: (pid) => rowOf(pid)?.residentBytes ?? 0,
    cpuMs: () => 0,
    stopPending: () => false,
  };
}
