import { expect, test } from "vitest";
import { helpOf, helpOfGroup } from "../../../../src/cli/command/commander.ts";
import { overview } from "../../../../src/cli/command/overview.ts";
import { topic, topics } from "../../../../src/cli/command/topics.ts";
import { aliasesOf, verb, verbNames } from "../../../../src/cli/command/verbs.ts";
import { textWidth } from "../../../../src/cli/text/table.ts";

/** Returns every help text for this width, each with the command that prints it. */
async function helps(columns: number): Promise<[string, string][]> {
  const all: [string, string][] = [["--help", await overview(columns)]];
  for (const name of verbNames) {
    const found = await verb(name);
    if (!found) continue;
    const title = `agentctl ${name}`;
    if (!("commands" in found)) all.push([name, helpOf(found, title, aliasesOf(name), columns)]);
    else {
      all.push([name, helpOfGroup(found, title, aliasesOf, columns)]);
      for (const each of found.commands) {
        const path = `${name} ${each.name}`;
        all.push([path, helpOf(each, `agentctl ${path}`, aliasesOf(path), columns)]);
      }
    }
  }
  return [...all, ...topics().map((name): [string, string] => [`help ${name}`, topic(name, columns) ?? ""])];
}

/** Returns the lines that are too long for a terminal of this width, each with the command that prints it. */
async function broken(columns: number): Promise<string[]> {
  return (await helps(columns)).flatMap(([name, text]) =>
    text.split("\n").flatMap((line) => (textWidth(line) > columns ? [`${name}: ${line}`] : [])),
  );
}

test("the help of every verb, group and topic fits 80 columns", async () => {
  expect(await broken(80)).toEqual([]);
});

test("on a narrower terminal, only a single word may exceed the width", async () => {
  for (const columns of [40, 60])
    expect(
      (await broken(columns)).filter((line) =>
        /\S \S/.test(line.replace(/^.*?: /, "").replace(/^ *(# )?| \\$/g, "")),
      ),
    ).toEqual([]);
});
