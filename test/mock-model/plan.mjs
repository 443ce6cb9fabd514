/**
 * What the model does next, read from the conversation in the request alone. The plan stands in a prompt:
 * `PLAN steps=3 sleep=2 [delay=ms] [chunk=ms] [par=1] [fail=k reset=s tag=t] [hang=k] [ask=1]`, or `CALL name=… args={…} END`.
 */

/** Names that agents give the tool that runs a command, with the argument that holds it. */
const SHELLS = { Bash: "command", exec_command: "cmd", bash: "command", run_shell_command: "command" };
/**
 * `turns`: `{ user: text }` and `{ result: text }` in order; `tools`: their names. Gives `text`, `calls` or `limit` (in
 * seconds since 1970), and how slowly the answer comes; undefined where none ever comes. `resets` keeps when the limit of a
 * tag ends: the one thing that no conversation tells.
 */
export function nextOf({ turns, tools }, resets) {
  if (tools.length === 0) return { text: "A title" };
  const at = turns.findLastIndex(({ user }) => user !== undefined && /\b(PLAN steps=|CALL name=)/.test(user));
  if (at < 0) return { text: "There is no plan." };
  const prompt = turns[at].user;
  const results = turns.flatMap(({ result }) => result ?? []);
  if (/\bPLAN steps=/.test(prompt)) return planned({ prompt, results, tools, resets });
  if (turns.slice(at).some(({ result }) => result !== undefined)) return { text: "CALL-COMPLETE" };
  const [, name, args] = /CALL name=(\S+) args=(\{.*?\}) END/s.exec(prompt);
  return { calls: [{ name, args: JSON.parse(args) }] };
}

function planned({ prompt, results, tools, resets }) {
  const given = [...prompt.slice(prompt.lastIndexOf("PLAN steps=")).matchAll(/(\w+)=(\S+)/g)];
  const plan = Object.fromEntries(given.map(([, key, value]) => [key, value]));
  const number = (key) => Number(plan[key] ?? 0);
  const pace = { delay: number("delay"), chunk: number("chunk") };
  if (results.length > number("steps") * 2 + 8) return { ...pace, text: "GAVE-UP" };
  const isDone = (k) => results.some((text) => new RegExp(`(?<!echo )step-${k}-done`).test(text));
  const step = Array.from({ length: number("steps") }, (_, n) => n + 1).find((k) => !isDone(k));
  if (step === undefined) return { ...pace, text: `PLAN-COMPLETE steps=${plan.steps}` };
  if (step === number("hang")) return undefined;
  const limit = step === number("fail") ? limitOf(plan, resets) : 0;
  if (limit > Date.now() / 1000) return { limit };
  const shell = Object.keys(SHELLS).find((name) => tools.includes(name));
  const call = (word) => ({ name: shell, args: argsOf({ shell, word, plan }) });
  return { ...pace, calls: [call(`step-${step}`), ...(plan.par ? [call(`extra-${step}`)] : [])] };
}

/** Where a plan says `ask`, Codex is to ask a person: it runs everything else in its sandbox. */
function argsOf({ shell, word, plan: { sleep = 0, ask } }) {
  const command = `sleep ${sleep}; echo ${word} >> progress.log; echo ${word}-done`;
  if (shell !== "exec_command") return { [SHELLS[shell]]: command, description: word };
  const beyond = ask && { sandbox_permissions: "require_escalated", justification: "It writes a file." };
  return { cmd: command, yield_time_ms: 30_000, ...beyond };
}

function limitOf({ tag, reset = 0 }, resets) {
  if (tag === undefined) return Math.ceil(Date.now() / 1000) + Number(reset);
  if (!resets.has(tag)) resets.set(tag, Math.ceil(Date.now() / 1000) + Number(reset));
  return resets.get(tag);
}
