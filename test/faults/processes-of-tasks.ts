import { readFileSync } from "node:fs";
import { TOKEN_VARIABLE, TREE_VARIABLE } from "../../src/home/tree-marker.ts";
import { type LiveProcess, processes } from "../harness/processes.ts";

/** A live process with the token of an attempt in its environment, or only the marker of its process tree. */
export interface Bearer extends LiveProcess {
  token: string;
}

/** Returns every live process of the home that has some attempt's token, and the guards that are their parents. */
export function bearers(home: { root: string }): Bearer[] {
  const all = processes(home.root);
  const own = all.flatMap((found) => {
    const token = tokenOf(found);
    return token === undefined ? [] : [{ ...found, token }];
  });
  const guarding = all.filter(isGuard).flatMap((guard) => {
    const program = own.find(({ ppid }) => ppid === guard.pid);
    return program ? [{ ...guard, token: program.token }] : [];
  });
  return [...guarding, ...own];
}

/** Whether the process is a guard, or the subshell of a guard that is about to exec a program. */
export function isGuard({ command }: LiveProcess): boolean {
  return command.includes("agentctl-guard");
}

/** Returns the token of a process. Without /proc, `command` contains the environment after the command line. */
function tokenOf({ pid, command }: LiveProcess): string | undefined {
  if (process.platform !== "linux") return /AGENTCTL_(?:TOKEN|TREE)=(\S+)/.exec(command)?.[1];
  try {
    const entries = readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
    const value = (name: string) =>
      entries.find((entry) => entry.startsWith(`${name}=`))?.slice(name.length + 1);
    // An agent removes variables that look like secrets from the environment of its tools.
    return value(TOKEN_VARIABLE) ?? value(TREE_VARIABLE);
  } catch {
    return undefined;
  }
}

/** Returns the guards among the processes. */
export function guards(all: readonly Bearer[]): Bearer[] {
  return all.filter(isGuard);
}
