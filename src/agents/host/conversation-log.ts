/** Writes the conversation to the log in a form that people read. */
import { appendFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Fact, ToolCall } from "../adapter/types.ts";

/** How many lines of a tool's output are shown; the others are counted. */
const OUTPUT_LINES = 8;
const LINE_CHARS = 2000;

export class ConversationLog {
  readonly #print: (text: string) => void;
  readonly #file: string;
  readonly #calls = new Map<string, ToolCall>();
  #piece = "";

  /** `print` writes to the task's log; the agent's own lines go to a file in `dir`. */
  constructor(print: (text: string) => void, dir: string, attempt: number) {
    this.#print = print;
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    this.#file = join(dir, `${attempt}.jsonl`);
  }

  line(text: string): void {
    appendFileSync(this.#file, `${text}\n`, { mode: 0o600 });
  }

  logMessage(text: string): void {
    this.#flush();
    this.#print(indent("> ", text));
  }

  note(text: string): void {
    this.#flush();
    this.#print(`· ${text}`);
  }

  fact(fact: Fact): void {
    if (fact.is === "text" && fact.piece) {
      this.#piece += fact.text;
      return;
    }
    this.#flush();
    if (fact.is === "text" && fact.text.trim() !== "") this.#print(fact.text.trimEnd());
    if (fact.is === "tool") this.#printCall(fact.call, fact.agent);
    if (fact.is === "tool-end") this.#printCallEnd(fact);
    if (fact.is === "limit" && (fact.used ?? 1) >= 1) this.#print(`· usage limit: ${fact.kind}`);
    if (fact.is === "end" && fact.how === "failed") this.#print(`· failed: ${fact.message ?? ""}`);
  }

  /** Prints the text that has come in pieces. */
  #flush(): void {
    if (this.#piece.trim() !== "") this.#print(this.#piece.trimEnd());
    this.#piece = "";
  }

  #printCall(call: ToolCall, agent?: string): void {
    this.#calls.set(call.id, call);
    const suffix = agent === undefined ? "" : " (sub-agent)";
    const label = call.title === call.name ? call.name : `${call.name}: ${call.title}`;
    this.#print(indent("$ ", `${label}${suffix}`));
  }

  #printCallEnd({ id, ok, exit, output = "" }: Extract<Fact, { is: "tool-end" }>): void {
    const lines = output.trimEnd().split("\n");
    const shownLines = lines.slice(0, OUTPUT_LINES).map((line) => `  ${line.slice(0, LINE_CHARS)}`);
    if (lines.length > OUTPUT_LINES) shownLines.push(`  … ${lines.length - OUTPUT_LINES} more lines`);
    if (output.trim() !== "") this.#print(shownLines.join("\n"));
    if (!ok || (exit ?? 0) !== 0) this.#print(`  ${exit === undefined ? "failed" : `exit ${exit}`}`);
    this.#calls.delete(id);
  }
}

function indent(mark: string, text: string): string {
  return text
    .trimEnd()
    .split("\n")
    .map((line, index) => `${index === 0 ? mark : "  "}${line}`)
    .join("\n");
}
