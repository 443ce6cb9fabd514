import { readFileSync } from "node:fs";
import { type LiveProcess, processes } from "../harness/processes.ts";

/** A live process that bears the token of an attempt. */
export interface Bearer extends LiveProcess {
  token: string;
}

/** Every live process of the home that bears some attempt's token, guards among them. */
export function bearers(home: { root: string }): Bearer[] {
  return processes(home.root).flatMap((found) => {
    const token = tokenOf(found);
    return token === undefined ? [] : [{ ...found, token }];
  });
}

/** Where there is no /proc, the harness shows the environment behind the command. */
function tokenOf({ pid, command }: LiveProcess): string | undefined {
  if (process.platform !== "linux") return /AGENTCTL_TOKEN=(\S+)/.exec(command)?.[1];
  try {
    const entries = readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
    return entries.find((entry) => entry.startsWith("AGENTCTL_TOKEN="))?.slice("AGENTCTL_TOKEN=".length);
  } catch {
    return undefined;
  }
}

/** The guards among them; the subshell in which a guard becomes its program is not counted. */
export function guards(all: readonly Bearer[]): Bearer[] {
  const named = all.filter(({ command }) => command.includes("agentctl-guard"));
  return named.filter(({ ppid }) => !named.some(({ pid }) => pid === ppid));
}
