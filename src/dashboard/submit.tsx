import { useState } from "preact/hooks";
import { Failure, rpc } from "./api.ts";
import { plain } from "./words.ts";

/** Submits a program, one argument a line, or a module with its input. */
export function SubmitPage() {
  const [failure, setFailure] = useState<string | null>(null);
  const submit = async (event: Event) => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget as HTMLFormElement);
    const text = (name: string) => String(fields.get(name) ?? "").trim();
    try {
      const argv = text("argv")
        .split("\n")
        .filter((line) => line !== "");
      const work = text("module") === "" ? { argv } : { module: text("module"), ...inputOf(text("input")) };
      const named = Object.fromEntries(
        ["name", "queue", "cwd"].flatMap((name) => (text(name) === "" ? [] : [[name, text(name)]])),
      );
      const { task } = await rpc("tasks/create", { ...work, ...named });
      location.hash = `#/task/${task.id}`;
    } catch (error) {
      const hint = error instanceof Failure && error.hint ? ` (${error.hint})` : "";
      setFailure(`${(error as Error).message}${hint}`);
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

function inputOf(text: string): { input?: unknown } {
  return text === "" ? {} : { input: JSON.parse(text) as unknown };
}
