import { spawnSync } from "node:child_process";
import type { Processes, ProcessStat } from "./processes.ts";

function output(command: string, args: string[]): string {
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
    startTime: Date.parse(`${started} UTC`) / 1000,
    state: state.slice(0, 1),
    command: command.trim(),
    residentBytes: Number(rss) * 1024,
  };
}

function bearersOf(token: string): number[] {
  const found: number[] = [];
  // -E appends the environment to the command; it is shown only of this user's own processes.
  for (const line of output("ps", ["-axEww", "-o", "pid=,command="]).split("\n")) {
    if (`${line} `.includes(` AGENTCTL_TOKEN=${token} `)) found.push(Number.parseInt(line, 10));
  }
  return found;
}

/** Processes as `ps` shows them: start times have whole seconds, and each question costs a `ps`. */
export function createMacProcesses(): Processes {
  const rowOf = (pid: number) =>
    parseRow(output("ps", ["-p", String(pid), "-o", columns]).split("\n")[0] ?? "");
  const boot = /sec = (\d+)/.exec(output("sysctl", ["-n", "kern.boottime"]))?.[1] ?? "0";
  let lastScan = { token: "", at: Number.NEGATIVE_INFINITY, bearers: new Set<number>() };
  let scans = 0;

  return {
    bootId: output("sysctl", ["-n", "kern.bootsessionuuid"]).trim() || boot,
    *scan() {
      scans++;
      const rows = output("ps", ["-axo", columns]).split("\n").map(parseRow);
      for (const row of rows.reverse()) if (row !== undefined) yield row;
    },
    stat: rowOf,
    bears(pid, token) {
      // One ps answers for all processes of a scan.
      if (lastScan.token !== token || lastScan.at !== scans) {
        lastScan = { token, at: scans, bearers: new Set(bearersOf(token)) };
      }
      return lastScan.bearers.has(pid);
    },
    bearers: bearersOf,
    youngerThan: () => undefined,
    marked(home) {
      return output("ps", ["-axEww", "-o", "pid=,command="])
        .split("\n")
        .flatMap((line) => {
          const token = / AGENTCTL_TOKEN=(\S+)/.exec(line)?.[1];
          const isHere = `${line} `.includes(` AGENTCTL_HOME=${home} `);
          return token !== undefined && isHere ? [{ pid: Number.parseInt(line, 10), token }] : [];
        });
    },
    argv(pid) {
      return output("ps", ["-p", String(pid), "-ww", "-o", "command="])
        .trimEnd()
        .split(" ");
    },
    residentBytes: (pid) => rowOf(pid)?.residentBytes ?? 0,
    cpuMs: () => 0,
    stopPending: () => false,
  };
}
