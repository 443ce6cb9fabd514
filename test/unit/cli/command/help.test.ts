import { expect, test } from "vitest";
import { helpOf, helpOfGroup } from "../../../../src/cli/command/commander.ts";
import { completionScript, shells } from "../../../../src/cli/command/completion.ts";
import { type Command, type Group, letter, longName } from "../../../../src/cli/command/define.ts";
import { overview } from "../../../../src/cli/command/overview.ts";
import { commandReference } from "../../../../src/cli/command/reference.ts";
import { aliasesOf, verb, verbNames } from "../../../../src/cli/command/verbs.ts";
import { nearest } from "../../../../src/protocol/nearest.ts";

async function commands(): Promise<[string, Command][]> {
  const all: [string, Command][] = [];
  for (const name of verbNames) {
    const found = await verb(name);
    if (found && "commands" in found)
      for (const each of found.commands) all.push([`${name} ${each.name}`, each]);
    else if (found) all.push([name, found]);
  }
  return all;
}

test("the overview is readable at 80 columns and names every verb", async () => {
  const lines = (await overview(80)).split("\n");
  expect(lines.filter((line) => line.length > 82)).toEqual([]);
  for (const name of verbNames) expect(lines.some((line) => line.startsWith(`  ${name}`))).toBe(true);
});

test("every command is named as in the table, and has examples that call it", async () => {
  for (const [path, { name, examples }] of await commands()) {
    expect(path.endsWith(name)).toBe(true);
    expect(examples.map(([line]) => line.startsWith(path))).toEqual(examples.map(() => true));
    expect(examples.length).toBeGreaterThan(0);
  }
});

test("the help of every command fits 80 columns, except for its examples", async () => {
  for (const [path, spec] of await commands()) {
    const [text = ""] = helpOf(spec, `agentctl ${path}`, [], 80).split("\nExamples:");
    expect(text.split("\n").filter((line) => line.length > 80)).toEqual([]);
  }
});

test("--all, --queue and --label have the same letter in every command that selects tasks", async () => {
  const letters: Record<string, string> = { all: "a", queue: "q", label: "l" };
  const without = (await commands()).flatMap(([path, { options }]) =>
    Object.values(options)
      .filter((option) => {
        const wanted = letters[longName(option)];
        return wanted !== undefined && letter(option) !== wanted;
      })
      .map(({ flags }) => `${path} ${flags}`),
  );
  expect(without).toEqual(["checkpoint save --label <text>"]);
});

test("no two options of a command have the same letter", async () => {
  for (const [path, { options }] of await commands()) {
    const taken = Object.values(options).flatMap((option) => letter(option) ?? []);
    expect([path, taken.length]).toEqual([path, new Set(taken).size]);
  }
});

test("help shows usage, options and examples", async () => {
  const text = helpOf((await verb("hold")) as Command, "agentctl hold", aliasesOf("hold"), 80);
  expect(text).toMatchInlineSnapshot(`
    "Usage: agentctl hold [options] [tasks...]

    Keep tasks that are not running from being started.

    Arguments:
      tasks                    ids (3, 3-7, 3,5,9), uuids, names or patterns of
                               names (build-*); or --all, --queue, --label, --state

    Options:
      -a, --all                every task that the command applies to
      -q, --queue <queue>      tasks of this queue
      -l, --label <key=value>  tasks with this label (repeatable: all of them)
      --state <state>          tasks in this state (repeatable: any of them)
      --json                   print JSON
      --color <when>           colours: auto, always, never
      --host <host>            another machine: ssh://[user@]box, or unix:///socket
      --context <name>         a name that agentctl context add has given
      -h, --help               print this help

    Examples:
      agentctl hold 12
          task 12 stays queued, and is not started until it is released
      agentctl hold --label project=tea
          every task of the project that is not running
    "
  `);
});

test("the help of a group shows the first example of each of its commands, at most six", async () => {
  const help = async (name: string) =>
    helpOfGroup((await verb(name)) as Group, `agentctl ${name}`, aliasesOf, 80);
  expect(await help("checkpoint")).toMatchInlineSnapshot(`
    "Usage: agentctl checkpoint [command]

    Save, read and list the progress of tasks.

    Commands:
      save [file]    save a checkpoint of the task that calls this; durable when it
                     returns
      get [id]       print the bytes of a checkpoint
      list, ls <id>  the kept checkpoints of a task

    Examples:
      agentctl checkpoint save state.json
          in a script that agentctl runs; prints the checkpoint's number
      agentctl checkpoint get > state.json
          in a script that agentctl runs: its own newest one; exit code 3 for none
      agentctl checkpoint list 12
          numbers, sizes and times, oldest first

    agentctl checkpoint <command> --help says more about one.
    "
  `);
  const groups = ["checkpoint", "artifact", "queue", "daemon", "config"];
  const counts = await Promise.all(
    groups.map(async (name) => (await help(name)).match(new RegExp(`^  agentctl ${name} `, "gm"))?.length),
  );
  expect(counts).toEqual([3, 2, 5, 6, 4]);
});

test("the reference has every option of every command", async () => {
  const text = await commandReference();
  for (const [path, { options }] of await commands()) {
    expect(text).toContain(`# ${path}\n`);
    for (const { flags } of Object.values(options)) expect(text).toContain(`- \`${flags}\``);
  }
});

test("there is a completion script for each shell", async () => {
  for (const shell of shells)
    expect(await completionScript(shell, { verb, verbNames, aliasesOf })).toContain("pause");
});

test("a mistyped command suggests the nearest one", () => {
  expect(
    ["lst", "puase", "resum", "xyzzy", "can", "lsit"].map((word) => nearest(word, verbNames)[0]),
  ).toEqual(["list", "pause", "resume", undefined, "cancel", "list"]);
});
