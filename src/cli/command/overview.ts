import { wrap, wrapBlock } from "../text/wrap.ts";
import { topics } from "./topics.ts";
import { aliasesOf, sections, verb } from "./verbs.ts";

/** Returns an overview of what agentctl can do, about one screen long. */
export async function overview(columns: number): Promise<string> {
  const parts = ["Usage: agentctl <command> [options]", "", ...wrap(INTRODUCTION, columns), ""];
  for (const { title, verbs } of sections) {
    parts.push(`${title}:`);
    for (const name of Object.keys(verbs)) {
      const spec = await verb(name);
      const aliases = aliasesOf(name).map((alias) => `, ${alias}`);
      const [first = "", ...rest] = wrap(spec?.summary ?? "", columns - INDENT);
      parts.push(`  ${`${name}${aliases.join("")}`.padEnd(INDENT - 2)}${first}`);
      parts.push(...rest.map((line) => `${" ".repeat(INDENT)}${line}`));
    }
    parts.push("");
  }
  parts.push(...COMMON.map((line) => wrapBlock(line, columns)));
  const pages = topics();
  if (pages.length > 0)
    parts.push("", ...wrap(`Topics, with agentctl help <topic>: ${pages.join(", ")}.`, columns));
  return parts.join("\n");
}

const INDENT = 16;
const COMMON = [
  "Every command takes --json, --color <auto|always|never> and --help, with examples.",
  "--host <ssh://box> and --context <name>: by the daemon of another machine.",
  "<tasks> is one or more ids, uuids or names, or --all, --queue, --label, --state.",
];
const INTRODUCTION =
  "Runs long tasks of AI agents: pause really pauses, resume continues, and no crash loses what was acknowledged.";
