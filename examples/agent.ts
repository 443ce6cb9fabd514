/**
 * An agent: a loop of model and tool calls, against any endpoint that speaks OpenAI's /chat/completions.
 *
 *     export OPENAI_API_KEY=… OPENAI_MODEL=…                    and OPENAI_BASE_URL, unless you use OpenAI's
 *     agentctl run --follow examples/agent.ts --input '{"goal":"What does this project do? Write a note."}'
 *     agentctl send <id> "Look at the tests, too."              joins the conversation at its next turn
 *
 * Each answer of the model and each result of a tool is a step. The journal keeps the result of every finished step.
 * After a pause, a crash or a reboot, the next attempt reads it from there, so you never pay for the same answer twice.
 */
import { readdir, readFile, realpath } from "node:fs/promises";
import { join, resolve } from "node:path";
import { defineTask, type StepContext, type Task } from "agentctl";

interface Input {
  goal: string;
  /** The folder that the tools may read. Default: the folder in which the task runs. */
  root?: string;
  model?: string;
  baseUrl?: string;
  /** How many requests to the model are made at most. Default: 20. */
  maxTurns?: number;
}

interface ToolCall {
  id: string;
  type: "function";
  function: { name: string; arguments: string };
}

type Message =
  | { role: "system" | "user"; content: string }
  | { role: "assistant"; content: string; tool_calls?: ToolCall[] }
  | { role: "tool"; content: string; tool_call_id: string };

type Answer = Extract<Message, { role: "assistant" }>;

const LONGEST_FILE = 50_000;
const PATIENT = { retries: 4, timeout: "5m" };

export default defineTask<Input, string>(async (task, input) => {
  if (!input?.goal) throw new Error('what is to be done? --input \'{"goal":"…"}\'');
  const { goal, maxTurns = 20 } = input;
  const tools = toolsBelow(resolve(input.root ?? "."), task);
  const messages: Message[] = [
    { role: "system", content: "You look at a folder with your tools and do what you are asked. Be brief." },
    { role: "user", content: goal },
  ];
  for (let turn = 1; turn <= maxTurns; turn++) {
    for (const text of await task.messages()) messages.push({ role: "user", content: text });
    task.progress(turn, maxTurns, "the model is asked");
    const answer = await task.step(
      `turn ${turn}: model`,
      (step) => ask(input, messages, tools, step),
      PATIENT,
    );
    messages.push(answer);
    if (!answer.tool_calls) return answer.content;
    for (const call of answer.tool_calls) {
      const { name } = call.function;
      task.progress(turn, maxTurns, name);
      const content = await task.step(`turn ${turn}: ${name}`, () => use(tools, call));
      messages.push({ role: "tool", tool_call_id: call.id, content });
    }
  }
  throw new Error(`no answer after ${maxTurns} turns`);
});

/** Requests one answer from the model, and prints it as it arrives. */
async function ask(
  input: Input,
  messages: Message[],
  tools: Tools,
  { signal }: StepContext,
): Promise<Answer> {
  // The key comes only from the environment, which is kept while the task is open. An input stays in the store.
  const { OPENAI_BASE_URL, OPENAI_API_KEY, OPENAI_MODEL } = process.env;
  const baseUrl = input.baseUrl ?? OPENAI_BASE_URL ?? "https://api.openai.com/v1";
  const model = input.model ?? OPENAI_MODEL;
  if (!model) throw new Error("which model? OPENAI_MODEL, or model in the input");
  const response = await fetch(`${baseUrl.replace(/\/$/, "")}/chat/completions`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      ...(OPENAI_API_KEY ? { authorization: `Bearer ${OPENAI_API_KEY}` } : {}),
    },
    body: JSON.stringify({ model, messages, tools: Object.values(tools).map(described), stream: true }),
    signal,
  });
  if (!response.ok || !response.body)
    throw new Error(`${response.status}: ${(await response.text()).slice(0, 500)}`);
  return await collected(response.body);
}

/** Joins the pieces of a streamed answer. */
async function collected(body: AsyncIterable<Uint8Array>): Promise<Answer> {
  let content = "";
  let isWhole = false;
  const calls: ToolCall[] = [];
  for await (const piece of events(body)) {
    const choice = piece.choices?.[0];
    if (choice?.delta?.content) {
      content += choice.delta.content;
      process.stdout.write(choice.delta.content);
    }
    for (const { index = calls.length, id, function: part } of choice?.delta?.tool_calls ?? []) {
      calls[index] ??= { id: id ?? "", type: "function", function: { name: "", arguments: "" } };
      calls[index].function.name += part?.name ?? "";
      calls[index].function.arguments += part?.arguments ?? "";
    }
    if (choice?.finish_reason) isWhole = true;
  }
  if (!isWhole) throw new Error("the answer broke off");
  if (content) process.stdout.write("\n");
  return { role: "assistant", content, ...(calls.length > 0 ? { tool_calls: calls } : {}) };
}

interface Piece {
  choices?: {
    delta?: {
      content?: string | null;
      tool_calls?: { index?: number; id?: string; function?: { name?: string; arguments?: string } }[];
    };
    finish_reason?: string | null;
  }[];
}

/** Yields the events of a server-sent stream, up to its `[DONE]`. */
async function* events(body: AsyncIterable<Uint8Array>): AsyncGenerator<Piece> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const bytes of body) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split(/\r?\n/);
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const data = /^data: ?(.*)$/.exec(line)?.[1];
      if (data === "[DONE]") return;
      if (data) yield JSON.parse(data);
    }
  }
}

interface Tool {
  name: string;
  about: string;
  /** A description of each argument, by its name. All arguments are text. */
  takes: Record<string, string>;
  run: (given: Record<string, string>) => Promise<string>;
}

type Tools = Record<string, Tool>;

function toolsBelow(root: string, task: Task): Tools {
  const inside = async (path = ".") => {
    const [base, full] = await Promise.all([realpath(root), realpath(join(root, path))]);
    if (full !== base && !full.startsWith(`${base}/`)) throw new Error(`${path} is outside of the folder`);
    return full;
  };
  const tools: Tool[] = [
    {
      name: "list_files",
      about: "Lists a folder; the names of folders end with a slash.",
      takes: { path: "The folder, relative to the root; . for the root." },
      run: async ({ path }) => {
        const entries = await readdir(await inside(path), { withFileTypes: true });
        return entries.map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name)).join("\n");
      },
    },
    {
      name: "read_file",
      about: "Reads a text file.",
      takes: { path: "The file, relative to the root." },
      run: async ({ path }) => (await readFile(await inside(path), "utf8")).slice(0, LONGEST_FILE),
    },
    {
      name: "write_note",
      about: "Keeps a note for the person who asked.",
      takes: { name: "A file name such as summary.md.", text: "The note in Markdown." },
      run: async ({ name = "note.md", text = "" }) => {
        await task.artifact(name, text);
        return `kept as ${name}`;
      },
    },
  ];
  return Object.fromEntries(tools.map((tool) => [tool.name, tool]));
}

/** Describes a tool in the form that the model gets. */
function described({ name, about, takes }: Tool) {
  const properties = Object.fromEntries(
    Object.entries(takes).map(([key, description]) => [key, { type: "string", description }]),
  );
  const parameters = { type: "object", properties, required: Object.keys(takes) };
  return { type: "function", function: { name, description: about, parameters } };
}

/** Runs a tool and returns its result. An error is returned as text, so that the model can try something else. */
async function use(tools: Tools, { function: { name, arguments: given } }: ToolCall): Promise<string> {
  process.stdout.write(`→ ${name} ${given}\n`);
  try {
    const tool = tools[name];
    if (!tool) throw new Error(`there is no tool ${name}; there are ${Object.keys(tools).join(", ")}`);
    return await tool.run(JSON.parse(given || "{}"));
  } catch (error) {
    return `error: ${(error as Error).message}`;
  }
}
