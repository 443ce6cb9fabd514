import { commonOptions } from "./commander.ts";
import type { Command, Group } from "./define.ts";
import { aliasesOf, sections, verb } from "./verbs.ts";

/** Returns the reference of all commands as Markdown, made from the objects that parse them. */
export async function commandReference(): Promise<string> {
  const parts = ["# Commands", "", "Every command also takes:", "", ...commonOptions.map(optionLine), ""];
  for (const { title, verbs } of sections) {
    parts.push(`## ${title}`, "");
    for (const name of Object.keys(verbs)) {
      const spec = await verb(name);
      if (spec) parts.push(...verbPart(spec));
    }
  }
  return `${parts.join("\n").trimEnd()}\n`;
}

function verbPart(spec: Command | Group): string[] {
  if (!("commands" in spec)) return commandPart(spec, spec.name, "###");
  const inner = spec.commands.flatMap((each) => commandPart(each, `${spec.name} ${each.name}`, "####"));
  return [`### ${spec.name}`, "", `${spec.summary}.`, "", ...inner];
}

function commandPart(spec: Command, path: string, heading: string): string[] {
  const usage = ["agentctl", path, "[options]", ...spec.args.map(([name]) => name)].join(" ");
  const aliases = aliasesOf(path).map((alias) => `\`${alias}\``);
  const options = Object.values(spec.options);
  return [
    `${heading} ${path}`,
    "",
    `${spec.summary}.${spec.notes ? ` ${spec.notes.replaceAll("\n", " ")}` : ""}`,
    "",
    `\`${usage}\`${aliases.length > 0 ? `, also ${aliases.join(", ")}` : ""}`,
    "",
    ...spec.args.map(([name, about]) => `- \`${name}\`: ${about}`),
    ...options.map(optionLine),
    ...(spec.args.length + options.length > 0 ? [""] : []),
    "```sh",
    ...spec.examples.map(([line, effect]) => `agentctl ${line}  # ${effect}`),
    "```",
    "",
  ];
}

function optionLine({ flags, about }: { flags: string; about: string }): string {
  return `- \`${flags}\`: ${about}`;
}
