/** An agent that nobody knows: a process for each turn, its prompt on stdin, lines of its own. */
import { randomUUID } from "node:crypto";
import { Session, say, tool } from "./session.mjs";

export async function run(args) {
  const option = (flag) => (args.includes(flag) ? args[args.indexOf(flag) + 1] : undefined);
  const given = option("--continue");
  if (given !== undefined && !Session.exists("own", given)) {
    return say({ event: "end", outcome: { ok: false, gone: true, why: `no conversation ${given}` } });
  }
  let prompt = "";
  for await (const chunk of process.stdin) prompt += chunk;
  const session = new Session("own", given ?? randomUUID());
  session.said(prompt);
  console.log("not a line of JSON");
  say({ event: "hello", about: { conversation: session.id } });
  const end = (outcome) => say({ event: "end", outcome });
  for (let step = session.next(); step; step = session.next()) {
    if (step.crash) process.exit(0);
    if (step.fail) return end({ ok: false, why: step.fail });
    if (step.limit) return say({ event: "limit", reset: session.resetOf(step) });
    if (step.say) {
      say({ event: "text", parts: [{ text: step.say }] });
      session.done(step.n, "said");
      continue;
    }
    say({ event: "call", line: step.cmd });
    const { output } = await tool(step.cmd).ended;
    session.done(step.n, output);
    say({ event: "called", output });
  }
  end({ ok: true, answer: session.summary() });
}
