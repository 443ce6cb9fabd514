import type { State } from "../../core/machine.ts";

type Stroke = (text: string) => string;

/** Colours by meaning. */
export interface Paint {
  state: (state: State, text?: string) => string;
  /** Colours a name, to tell names apart: each `index` has its colour. */
  name: (index: number, text: string) => string;
  strong: Stroke;
  faint: Stroke;
  bad: Stroke;
  /** A command to type. */
  command: Stroke;
  /** A match of a search. */
  found: Stroke;
}

const identity: Stroke = (text) => text;

/** No colours. */
export const plainPaint: Paint = {
  state: (state, text = state) => text,
  name: (_, text) => text,
  strong: identity,
  faint: identity,
  bad: identity,
  command: identity,
  found: identity,
};

/** Returns the sixteen colours that every terminal theme makes readable; loads chalk. */
export async function paintFor(): Promise<Paint> {
  const { Chalk } = await import("chalk");
  const chalk = new Chalk({ level: 1 });
  const byState: Record<State, Stroke> = {
    submitted: chalk.blue,
    working: chalk.cyan,
    "input-required": chalk.magenta,
    suspended: chalk.yellow,
    resumed: chalk.blue,
    completed: chalk.green,
    failed: chalk.red,
    canceled: chalk.dim,
  };
  const names = [chalk.cyan, chalk.yellow, chalk.green, chalk.magenta, chalk.blue, chalk.red];
  return {
    state: (state, text = state) => byState[state](text),
    name: (index, text) => (names[index % names.length] ?? identity)(text),
    strong: chalk.bold,
    faint: chalk.dim,
    bad: chalk.red,
    command: chalk.cyan,
    found: chalk.inverse,
  };
}
