import { commonOptions } from "./commander.ts";
import type { Command, Group } from "./define.ts";
import { aliasesOf, sections, verb } from "./verbs.ts";

/** Returns the reference of all commands as Markdown, made from the objects that parse them. */
export async function commandReference(): Promise<string> {
  const parts = ["# Commands", "", "Every command also takes:", "", ...commonOptions.map(optionLine), ""];
  for (const { title, verbs } of sections) {
    parts.push(`## ${title}`, "");
    for (const name of Object.keys(verbs)) {
      const found = await verb(name);
      if (found) parts.push(...verbPart(found));
    }
  }
  return `${parts.join("\n").trimEnd()}\n`;
}

function verbPart(found: Command | Group): string[] {
  if (!("commands" in found)) return commandPart(found, found.name, "###");
  const inner = found.commands.flatMap((each) => commandPart(each, `${found.name} ${each.name}`, "####"));
  return [`### ${found.name}`, "", `${found.summary}.`, "", ...inner];
}

function commandPart(spec: Command, path: string, heading: string): string[] {
  const usage = ["agentctl", path, "[options]", ...spec.args.map(([name]) => name)].join(" ");
  const also = aliasesOf(path).map((alias) => `\`${alias}\``);
  const options = Object.values(spec.options);
  return [
    `${heading} ${path}`,
    "",
    `${spec.summary}.${spec.notes ? ` ${spec.notes.replaceAll("\n", " ")}` : ""}`,
    "",
    `\`${usage}\`${also.length > 0 ? `, also ${also.join(", ")}` : ""}`,
    "",
    ...spec.args.map(([name, about]) => `- \`${name}\`: ${about}`),
    ...options.map(optionLine),
    ...(spec.args.length + options.length > 0 ? [""] : []),
    "```sh",
    ...spec.examples.map(([line, does]) => `agentctl ${line}  # ${does}`),
    "```",
    "",
  ];
}

function optionLine({ flags, about }: { flags: string; about: string }): string {
  return `- \`${flags}\`: ${about}`;
}
