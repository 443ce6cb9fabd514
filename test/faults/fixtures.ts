import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { agentTask } from "../e2e/agent-story.ts";
import { type Home, withoutTypes } from "../harness/home.ts";

/** What a module of these tests does, in order. See `does.ts`. */
export type Does = (
  | ["step", number?]
  | ["gate", string?]
  | ["ask", string]
  | ["sleep", number]
  | ["session"]
  | ["messages"]
  | ["save", number]
  | ["artifact", string]
  | ["throw"]
)[];

const source = withoutTypes(readFileSync(join(import.meta.dirname, "../fixtures/does.ts"), "utf8"));

/** Returns a module task that does this and notes it. */
export function moduleTask(home: Home, does: Does) {
  const module = home.file("does.mjs");
  // Another task may be about to load it.
  if (!existsSync(module)) {
    writeFileSync(`${module}.new`, source);
    renameSync(`${module}.new`, module);
  }
  return { module, input: { folder: home.file("witness"), gates: home.work, does } };
}

/** Returns a shell task. In it, `note` writes a note and `gate` waits until the gate is open. */
export function shellTask(home: Home, script: string) {
  const prelude = [
    `note() { echo "$1 $AGENTCTL_ATTEMPT $2" >>"${home.file("witness")}/$AGENTCTL_TASK_ID"; }`,
    `gate() { until [ -e "${home.work}/\${1:-gate}" ]; do sleep 0.02; done; }`,
    "note began $$",
  ];
  return { argv: ["sh", "-c", `${prelude.join("\n")}\n${script}`] };
}

/** What a coding agent does: reach a limit that ends after this many ms, or run a tool that takes this many ms. */
export type Acts = (["limit", number] | ["tool", number])[];

/** Returns a task of a coding agent that notes its tool calls, and which results are in its conversation. */
export function agentActs(home: Home, agent: "claude" | "codex", acts: Acts) {
  const witness = home.file("witness");
  const steps = acts.map(([what, ms], n) => {
    if (what === "limit") return { limit: { resetsIn: ms } };
    const note = `echo "tool $AGENTCTL_ATTEMPT step${n}" >>"${witness}/$AGENTCTL_TASK_ID"`;
    return { tool: true, cmd: `${note}; sleep ${ms / 1000}` };
  });
  return agentTask(home, agent, steps, { FAKE_WITNESS: witness });
}
