/** man/agentctl.1, made from the same objects that parse the commands and print their help. */
import { commonOptions } from "../src/cli/command/commander.ts";
import type { Command, Group } from "../src/cli/command/define.ts";
import { topics } from "../src/cli/command/topics.ts";
import { aliasesOf, sections, verb } from "../src/cli/command/verbs.ts";

const EXIT_STATUS: [code: string, meaning: string][] = [
  ["0", "done"],
  ["1", "failed; of several tasks at least one was not done"],
  ["2", "usage"],
  ["3", "no such task, queue or checkpoint"],
  ["4", "the state of the task does not allow it"],
  ["5", "the daemon cannot be reached or started, or is of another version"],
  ["6", "the store refused: disk full, corrupt, newer schema"],
  ["70", "a bug in agentctl"],
  ["75", "with --exit-on-pause: the task was paused or asks a question"],
  ["124", "--timeout ran out; the task goes on"],
  ["125", "a failure of agentctl itself while it follows a task or waits for it"],
  ["130", "the task was canceled"],
];

const ENVIRONMENT: [name: string, meaning: string][] = [
  ["AGENTCTL_HOME", "the home: store, socket, logs, settings (~/.agentctl)"],
  ["NO_COLOR", "no colours, unless --color says otherwise"],
];

const FILES: [path: string, meaning: string][] = [
  ["~/.agentctl/agentctl.db", "the store, SQLite; other programs may read it"],
  ["~/.agentctl/agentctl.sock", "the socket, JSON-RPC 2.0"],
  ["~/.agentctl/config.json", "settings that differ from the defaults, and hooks"],
  ["~/.agentctl/logs/", "the output of the tasks"],
  ["~/.agentctl/daemon.log", "what the daemon reports, as lines of JSON"],
];

/** The manual page in roff. */
export async function manual(version: string): Promise<string> {
  const parts = [
    `.TH AGENTCTL 1 "" "agentctl ${version}" "User Commands"`,
    section("NAME"),
    "agentctl \\- run long tasks in the background, pause and resume them",
    section("SYNOPSIS"),
    ".B agentctl",
    ".I command",
    "[options]",
    section("DESCRIPTION"),
    text(
      "agentctl runs programs and task modules in the background and in queues. A pause really pauses, a resume continues, and no crash loses what was acknowledged. The daemon starts by itself when a command needs it.",
    ),
    text("Every command also takes:"),
    ...commonOptions.flatMap(option),
    section("COMMANDS"),
  ];
  for (const { title, verbs } of sections) {
    parts.push(`.SS ${quoted(title)}`);
    for (const name of Object.keys(verbs)) {
      const found = await verb(name);
      if (found) parts.push(...verbPart(found));
    }
  }
  parts.push(section("EXIT STATUS"), ...EXIT_STATUS.flatMap(entry));
  parts.push(section("ENVIRONMENT"), ...ENVIRONMENT.flatMap(entry));
  parts.push(section("FILES"), ...FILES.flatMap(entry));
  parts.push(section("SEE ALSO"), text(`agentctl help <topic>, for ${topics().join(", ")}`));
  return `${parts.join("\n")}\n`;
}

function verbPart(found: Command | Group): string[] {
  if (!("commands" in found)) return commandPart(found, found.name);
  return found.commands.flatMap((each) => commandPart(each, `${found.name} ${each.name}`));
}

function commandPart(spec: Command, path: string): string[] {
  const also = aliasesOf(path);
  const usage = [path, "[options]", ...spec.args.map(([name]) => name)].join(" ");
  return [
    ".TP",
    `.B ${escaped(`agentctl ${usage}`)}`,
    text(
      `${spec.summary}.${also.length > 0 ? ` Also: ${also.join(", ")}.` : ""}${spec.notes ? ` ${spec.notes}` : ""}`,
    ),
    ".RS",
    ...spec.args.flatMap(entry),
    ...Object.values(spec.options).flatMap(option),
    ...(spec.examples.length > 0 ? [".PP", "Examples:", ".PP", ".nf"] : []),
    ...spec.examples.map(([line, does]) => text(`agentctl ${line}  # ${does}`)),
    ...(spec.examples.length > 0 ? [".fi"] : []),
    ".RE",
  ];
}

function section(title: string): string {
  return `.SH ${quoted(title)}`;
}

function option({ flags, about }: { flags: string; about: string }): string[] {
  return entry([flags, about]);
}

function entry([name, about]: readonly [string, string]): string[] {
  return [".TP", `.B ${escaped(name)}`, text(about)];
}

/** A line of text; one that begins with a dot or a quote would be a request. */
function text(line: string): string {
  const safe = escaped(line.replaceAll("\n", " "));
  return /^[.']/.test(safe) ? `\\&${safe}` : safe;
}

function escaped(line: string): string {
  return line.replaceAll("\\", "\\e").replaceAll("-", "\\-");
}

function quoted(title: string): string {
  return title.includes(" ") ? `"${title}"` : title;
}
