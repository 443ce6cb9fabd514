import { useState } from "preact/hooks";
import { reasonOf } from "./actions.tsx";
import { rpc } from "./api.ts";
import { plain } from "./words.ts";

const AGENTS = ["claude", "codex", "opencode", "gemini"] as const;

/** Submits a program (one argument a line), a module with its input, or a coding agent with its prompt. */
export function SubmitPage() {
  const [failure, setFailure] = useState<string | null>(null);
  const submit = async (event: Event) => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget as HTMLFormElement);
    const text = (name: string) => String(fields.get(name) ?? "").trim();
    try {
      const work = workOf(text);
      const named = Object.fromEntries(
        ["name", "queue", "cwd"].flatMap((name) => (text(name) === "" ? [] : [[name, text(name)]])),
      );
      const { task } = await rpc("tasks/create", { ...work, ...named });
      location.hash = `#/task/${task.id}`;
    } catch (error) {
      setFailure(reasonOf(error));
    }
  };
  return (
    <>
      <h1>Submit</h1>
      <form class="submit" onSubmit={submit}>
        <label>
          Program, one argument a line <textarea name="argv" rows={4} placeholder={"python3\nwork.py"} />
        </label>
        <label>
          Or a task module <input name="module" placeholder="/path/task.ts" />
        </label>
        <label>
          Its input, as JSON <textarea name="input" rows={2} />
        </label>
        <label>
          Or a coding agent{" "}
          <select name="agent">
            <option value="">none</option>
            {AGENTS.map((agent) => (
              <option key={agent}>{agent}</option>
            ))}
          </select>
        </label>
        <label>
          Its prompt <textarea name="prompt" rows={3} />
        </label>
        <label>
          Directory <input name="cwd" placeholder="/home/me/project" />
        </label>
        <label>
          Name <input name="name" />
        </label>
        <label>
          Queue <input name="queue" placeholder="default" />
        </label>
        <button type="submit">Submit</button>
        {failure === null ? null : (
          <p class="failure" role="alert">
            {plain(failure)}
          </p>
        )}
      </form>
    </>
  );
}

/** Returns what to run. Throws unless exactly one of the three is given. */
function workOf(text: (name: string) => string) {
  const [argv, module, agent] = [text("argv"), text("module"), text("agent")];
  const count = [argv, module, agent].filter((each) => each !== "").length;
  if (count !== 1) throw new Error("Give one of a program, a task module or a coding agent.");
  if (module !== "") return { module, ...inputOf(text("input")) };
  if (agent !== "") return { agent, prompt: text("prompt") };
  return { argv: argv.split("\n").filter((line) => line !== "") };
}

function inputOf(text: string): { input?: unknown } {
  if (text === "") return {};
  try {
    return { input: JSON.parse(text) as unknown };
  } catch (error) {
    throw new Error(`The input is not JSON: ${(error as Error).message}`);
  }
}
