import { basename } from "node:path";
import type { HookJson } from "../../../protocol/methods.ts";
import { command, type Group } from "../../command/define.ts";
import { integer } from "../../command/option-values.ts";
import { callDaemon } from "../../command/session.ts";
import { tableLines } from "../../text/table.ts";
import { block, oneLine, shellLine } from "../../text/terminal-text.ts";
import { ageText } from "../../text/when.ts";

const list = command({
  name: "list",
  reads: true,
  summary: "the hooks of config.json, what they were told and what went wrong",
  args: [],
  options: {},
  examples: [["hook list", "all hooks, numbered"]],
  async run(context) {
    const { out, clock, paths, host } = context;
    const { hooks } = await callDaemon(context, "hooks/list", {});
    if (out.json) out.data(hooks);
    else if (hooks.length === 0)
      out.note(
        `${host ? `config.json of ${host.text}` : paths.config} lists no hooks`,
        "agentctl help hooks shows how to write one",
      );
    else for (const line of hookTable(hooks, clock.now(), out.columns)) out.line(line);
    return 0;
  },
});

const test = command({
  name: "test",
  summary: "send an example to a hook and print its response",
  args: [["<n>", "the hook's number in hook list"]],
  options: {},
  examples: [["hook test 1", "whether the first hook works"]],
  async run(context, [number = ""]) {
    const { out } = context;
    const response = await callDaemon(context, "hooks/test", { n: integer(1)(number) });
    if (out.json) out.data(response);
    else {
      if (response.said !== "") out.line(block(response.said));
      const outcome = response.ok
        ? `succeeded in ${response.ms} ms`
        : `failed after ${response.ms} ms: ${response.reason}`;
      out.note(`hook ${number} ${outcome}`);
    }
    return response.ok ? 0 : 1;
  },
});

export const hook: Group = {
  name: "hook",
  summary: "hooks: programs and web addresses that are told what happens to tasks",
  commands: [list, test],
};

function hookTable(hooks: readonly HookJson[], now: number, columns: number | undefined): string[] {
  const heads = [
    { title: "N", isRight: true },
    { title: "ON", minWidth: 9, dropOrder: 2 },
    { title: "WHERE", minWidth: 10, dropOrder: 5 },
    { title: "TARGET", minWidth: 14, dropOrder: 1 },
    { title: "TOLD", isRight: true, dropOrder: 3 },
    { title: "WAITING", isRight: true, dropOrder: 4 },
    { title: "LAST", minWidth: 34, isCutLast: true },
  ];
  const isPipe = columns === undefined;
  const rows = hooks.map((hook) => [
    String(hook.n),
    hook.on.join(","),
    whereText(hook),
    targetText(hook, isPipe),
    String(hook.told),
    String(hook.waiting),
    lastText(hook, now, isPipe),
  ]);
  return tableLines(heads, rows, columns);
}

function whereText({ where }: HookJson): string {
  const { queue, name, labels = {} } = where;
  const parts = [
    ...(queue === undefined ? [] : [`queue=${queue}`]),
    ...(name === undefined ? [] : [`name=${name}`]),
    ...Object.entries(labels).map(([key, value]) => `${key}=${value}`),
  ];
  return oneLine(parts.join(" "));
}

/** Returns the target of a hook. On a terminal, only the file name of a program. */
function targetText({ run, url }: HookJson, isPipe: boolean): string {
  if (!run) return oneLine(url ?? "");
  const [program = "", ...args] = run;
  return oneLine(shellLine([isPipe ? program : basename(program) || program, ...args]));
}

/**
 * Returns a hook's last result. On a terminal, without the target at the start of an error: the row shows it already.
 */
function lastText(hook: HookJson, now: number, isPipe: boolean): string {
  const { lastAt, givenUp, run, url } = hook;
  if (lastAt === null) return "";
  const target = `${run?.[0] ?? url} `;
  const startsWithTarget = !isPipe && hook.lastError?.startsWith(target);
  const lastError = startsWithTarget ? (hook.lastError?.slice(target.length) ?? null) : hook.lastError;
  const givenUpText = givenUp > 0 ? `; ${givenUp} given up` : "";
  return oneLine(`${ageText(lastAt, now)} ago${lastError === null ? "" : `: ${lastError}`}${givenUpText}`);
}
