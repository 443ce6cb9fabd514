import { readFileSync } from "node:fs";
import { TOKEN_VARIABLE, TREE_VARIABLE } from "../../src/home/tree-marker.ts";
import { type LiveProcess, processes } from "../harness/processes.ts";

/** A live process that bears the token of an attempt, or only the marker of its tree. */
export interface Bearer extends LiveProcess {
  token: string;
}

/** Every live process of the home that bears some attempt's token, and with it the guard whose child it is. */
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

/** Whether it is a guard, or the subshell in which one becomes a program. */
export function isGuard({ command }: LiveProcess): boolean {
  return command.includes("agentctl-guard");
}

/** Where there is no /proc, the harness shows the environment behind the command. */
function tokenOf({ pid, command }: LiveProcess): string | undefined {
  if (process.platform !== "linux") return /AGENTCTL_(?:TOKEN|TREE)=(\S+)/.exec(command)?.[1];
  try {
    const entries = readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
    const value = (name: string) =>
      entries.find((entry) => entry.startsWith(`${name}=`))?.slice(name.length + 1);
    // An agent takes what looks like a secret from its tools.
    return value(TOKEN_VARIABLE) ?? value(TREE_VARIABLE);
  } catch {
    return undefined;
  }
}

/** The guards among them. */
export function guards(all: readonly Bearer[]): Bearer[] {
  return all.filter(isGuard);
}
