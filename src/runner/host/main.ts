/**
 * The process that runs a task module. It is started ahead of need: loader and SDK are ready, and `attempt/hello` waits
 * for its response, which assigns a task. Only this file ends the process, with one of these exit codes:
 *
 *   0, 1   the module returned or failed, and the daemon has the outcome
 *   75     the daemon said that it would end the process, but did not
 *   1      another attempt has replaced this one, or a host without a task has found no daemon
 */
import { createAgentTask } from "../../sdk/agent-task.ts";
import type { TaskDefinition } from "../../sdk/define-task.ts";
import { type Hello, Link } from "../../sdk/link.ts";
import { type Outcome, Session } from "../../sdk/session.ts";
import { toJson } from "../../sdk/strict-json.ts";
import { createTask } from "../../sdk/task.ts";
import { failureOf, stackOf } from "./failure.ts";
import { prepareLoader } from "./loader.ts";
import { isCodeError, loadTask } from "./task-module.ts";

const ABANDONED_AFTER_MS = 30_000;
const EXIT_TIMEOUT_MS = 5_000;
const LAST_CALL_TIMEOUT_MS = 2_000;
/** How much later than its SIGTERM the notification of a cancel may arrive. */
const CANCEL_DELAY_MS = 20;

// Read before the module is loaded, which may replace it with its own function.
const exit: (code: number) => never = process.exit.bind(process);

type Assignment = NonNullable<Hello["module"]>;

async function main(): Promise<void> {
  // Without a listener, Node opens its debugger: a port that everybody on this machine can use.
  process.on("SIGUSR1", () => {});
  const { AGENTCTL_SOCKET: socket, AGENTCTL_TOKEN: token } = process.env;
  if (!socket || !token) throw new Error("the host of a module is started by the daemon");
  const isTypeScript = process.env.AGENTCTL_NEXT_MODULE === "typescript";
  await prepareLoader({ sdkUrl: new URL("./sdk.mjs", import.meta.url).href, isTypeScript });
  const link = new Link({
    socket,
    token,
    sdk: __VERSION__,
    abandonAfterMs: ABANDONED_AFTER_MS,
    onStale: () => endSilently(1),
    onAbandoned: () => endSilently(1),
  });
  const hello = await link.hello;
  if (!hello.module) throw new Error(`task ${hello.id} is not a module`);
  await completeJournal(hello.module, link);
  await new Attempt(hello, link).run(hello.module);
}

/** Reads the rest of a journal that is longer than one line. */
async function completeJournal(module: Assignment, link: Link): Promise<void> {
  for (let after = module.journalNext; after !== undefined; ) {
    const { journal, next } = await link.call("attempt/journal", { after });
    for (const entry of journal) module.journal.push(entry);
    after = next;
  }
}

class Attempt {
  readonly #session: Session;
  readonly #link: Link;
  #hasEnded = false;

  constructor(hello: Hello, link: Link) {
    this.#link = link;
    this.#session = new Session(hello, link, {
      onLeave: () => void setTimeout(() => endSilently(75), EXIT_TIMEOUT_MS),
      onEnd: (outcome) => this.#stopWith(outcome),
    });
    // Output that cannot be printed must not end the task. The error could not be printed there either.
    for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});
    process.on("uncaughtException", (error) => this.#failWith(error));
    process.on("unhandledRejection", (reason) => this.#failWith(reason));
    process.on("exit", (code) => this.#handleExit(code));
    process.on("SIGTERM", () => void this.#handleTerm());
  }

  async run({ path, input, cwd, env, isAgent = false }: Assignment): Promise<void> {
    try {
      process.chdir(cwd);
      takeEnvironment(env);
      const loaded = await this.#load(path);
      if (!loaded) return;
      const task = createTask(this.#session, print);
      const value = await loaded.run(isAgent ? createAgentTask(this.#session, task, env) : task, input);
      const text = toJson(value, "result") ?? "null";
      this.#session.refuseLarge(text, "the result");
      const unused = this.#session.journal.unclaimed.map(({ name, n, base }) => ({ name, n, base }));
      await this.#finish({ value: JSON.parse(text), ...(unused.length > 0 && { unused }) }, 0);
    } catch (error) {
      this.#failWith(error);
    }
  }

  /** Loads the task, or ends the attempt and returns undefined: a new bug in the code must not cost earlier work. */
  async #load(path: string): Promise<TaskDefinition | undefined> {
    try {
      return await loadTask(path);
    } catch (error) {
      const { checkpoint, module } = this.#session.hello;
      if ((checkpoint === null && module?.journal.length === 0) || !isCodeError(error)) throw error;
      const { name, message } = failureOf(error);
      const reason = `the module cannot be loaded: ${name}: ${message}`;
      this.#stopWith({ error: { name: "JournalMismatch", message: reason } });
      return undefined;
    }
  }

  /** Ends the attempt with an error. Only the first end counts; a later error is only logged. */
  #failWith(thrown: unknown): void {
    process.stderr.write(`${stackOf(thrown)}\n`);
    void this.#finish({ error: failureOf(thrown) }, 1);
  }

  #stopWith(outcome: Outcome): void {
    process.stderr.write(`${outcome.error?.name}: ${outcome.error?.message}\n`);
    void this.#finish(outcome, 1);
  }

  async #finish(outcome: Outcome, code: number): Promise<void> {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#session.stop();
    await this.#session.progress.flush();
    await this.#link.call("attempt/result", outcome).catch((error: unknown) => this.#reportRefusal(error));
    exit(code);
  }

  /** Called when the daemon has refused the outcome. Reports the refusal as the outcome. */
  async #reportRefusal(error: unknown): Promise<void> {
    process.stderr.write(`the result was refused: ${stackOf(error)}\n`);
    await this.#link.call("attempt/result", { error: failureOf(error) }).catch(() => {});
    exit(1);
  }

  /**
   * Handles SIGTERM. A cancel aborts the task's signal and sends SIGTERM. A module that listens to the signal can use
   * the rest of the grace time. In all other cases, SIGTERM ends the process.
   */
  async #handleTerm(): Promise<void> {
    // The notification and the signal take different ways.
    if (!this.#session.isCanceled) await new Promise((resolve) => setTimeout(resolve, CANCEL_DELAY_MS));
    if (this.#session.isCanceled && this.#session.hadListeners) return;
    this.#hasEnded = true;
    process.removeAllListeners("SIGTERM");
    process.kill(process.pid, "SIGTERM");
  }

  /** Called when the module itself has ended the process. */
  #handleExit(code: number): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    const message = `the module ended its process by process.exit(${code}); return from the task, or throw`;
    process.stderr.write(`${message}\n`);
    this.#link.sendLast("attempt/result", { error: { name: "Error", message } }, LAST_CALL_TIMEOUT_MS);
    process.exitCode = 1;
  }
}

/** Ends the process without a report to the daemon and without the module's exit handlers: the attempt is over. */
function endSilently(code: number): never {
  process.removeAllListeners("exit");
  exit(code);
}

/** Replaces the whole environment of the host with that of the task. */
function takeEnvironment(env: Record<string, string>): void {
  for (const name of Object.keys(process.env)) delete process.env[name];
  Object.assign(process.env, env);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

await main();
