import type { OwnCommands } from "../../core/own-agents.ts";
import { Child } from "../adapter/child.ts";
import { objectOf } from "../adapter/json.ts";
import type { AgentRun, Conversation, Exit } from "../adapter/types.ts";
import { type OwnMemory, ownFacts, ownMemory } from "./lines.ts";

const CLOSE_MS = 5000;

/** Opens a user's own agent whose output lines we read: one process per turn. A pause interrupts the process. */
export async function openOwn(run: AgentRun, commands: OwnCommands): Promise<Conversation> {
  run.boundary(false);
  return new Own(run, commands);
}

class Own implements Conversation {
  readonly exited: Promise<Exit>;
  readonly isOneTurn = true;
  readonly #run: AgentRun;
  readonly #commands: OwnCommands;
  readonly #memory: OwnMemory;
  #child: Child | undefined;
  #settle!: (exit: Exit) => void;

  constructor(run: AgentRun, commands: OwnCommands) {
    this.#run = run;
    this.#commands = commands;
    this.#memory = ownMemory(run.session);
    this.exited = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  /** Takes no text while a turn runs. */
  async say(text: string, mode: "turn" | "steer"): Promise<"taken" | "later"> {
    if (mode === "steer" || this.#child) return "later";
    const { isNew, session, cwd, env, dir, args } = this.#run;
    const words = isNew ? this.#commands.start : this.#commands.resume;
    const values = { prompt: text, session: session ?? "" };
    const argv = words.map((word) =>
      word.replace(/\{(prompt|session)\}/g, (_, name) => values[name as never]),
    );
    const child = new Child({ argv: [...argv, ...args], cwd, env, dir, line: (line) => this.#line(line) });
    this.#child = child;
    this.#run.fact({ is: "turn" });
    if (!words.some((word) => word.includes("{prompt}"))) child.write(text);
    child.end();
    void child.exited.then(this.#settle);
    return "taken";
  }

  async interrupt(): Promise<void> {
    this.#child?.kill(this.#commands.stop ?? "SIGTERM");
  }

  async close(): Promise<Exit> {
    this.#child?.touch();
    return (await this.#child?.close(CLOSE_MS)) ?? { code: 0, signal: null, stderr: "" };
  }

  #line(text: string): void {
    this.#run.line(text);
    const json = objectOf(text);
    for (const fact of json ? ownFacts(json, this.#commands, this.#memory) : []) this.#run.fact(fact);
  }
}
