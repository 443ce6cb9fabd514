import type { Row } from "./hints.ts";

/** Returns the shell option that selects the place that `move --to` was given. */
function homeOption(to: string): string {
  const word = /^[\w/.,:@%+-]+$/.test(to) ? to : `'${to.replaceAll("'", "'\\''")}'`;
  return /^\w+:\/\//.test(to) ? `--host ${word}` : `--context ${word}`;
}

/** The catalogue rows for things that are in another home or must be read from there. */
export const otherHomeErrors = {
  LogNotFound: {
    code: -32041,
    exit: 3,
    message: (d) =>
      `the log of task ${d.id}, attempt ${d.attempt}, cannot be read${d.reason ? `: ${d.reason}` : ""}`,
    hint: (d) => `agentctl show ${d.id} shows what is known about it`,
  },
  Moved: {
    code: -32040,
    exit: 4,
    message: (d) => `task ${d.id} was moved to ${d.to}, where it is task ${d.as}`,
    hint: (d) => `agentctl show ${d.as} ${homeOption(String(d.to))}`,
  },
  BundleRefused: {
    code: -32043,
    exit: 4,
    message: (d) => `the bundle is refused${d.reason ? `: ${d.reason}` : ""}`,
    hint: (d) => (d.hint as string | undefined) ?? "agentctl task export makes another one",
  },
  ContextNotFound: {
    code: -32042,
    exit: 3,
    message: (d) => `there is no context ${JSON.stringify(String(d.context))}`,
    hint: () => "agentctl context list",
  },
  MachineNotFound: {
    code: -32044,
    exit: 3,
    message: (d) =>
      `there is no machine ${JSON.stringify(String(d.machine))}${d.reason ? `: ${d.reason}` : ""}`,
    hint: (d) => (d.hint as string | undefined) ?? "agentctl machine list",
  },
  MachineTaken: {
    code: -32045,
    exit: 6,
    message: (d) => `another home is machine ${JSON.stringify(String(d.machine))} of the cluster`,
    hint: () => "agentctl cluster join with another --name",
  },
} as const satisfies Record<string, Row>;
