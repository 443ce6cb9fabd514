/** The facts about a home at one moment: its store, its processes, and the notes of its tasks. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { openFile } from "../../src/store/sqlite/file/driver.ts";
import type { Home } from "../harness/home.ts";
import { type Bearer, bearers } from "./processes-of-tasks.ts";

/** What the daemon has acknowledged to clients, which the home must not lose. */
export interface Acknowledged {
  ids: Iterable<number>;
  /** The final states that a client has seen, which must never change. */
  ended?: ReadonlyMap<number, string>;
  /** Tasks that a client has deleted. */
  deleted?: ReadonlySet<number>;
}

// biome-ignore lint/suspicious/noExplicitAny: rows are what the statement says
export type Row = any;

export interface Note {
  what: string;
  attempt: number;
  text: string;
}

export interface Facts {
  home: Home;
  known: Acknowledged;
  integrity: string;
  tasks: Row[];
  attempts: Row[];
  events: Row[];
  steps: Row[];
  checkpoints: Row[];
  artifacts: Row[];
  bearers: Bearer[];
  witness: Map<number, Note[]>;
}

/** Collects all facts. */
export function factsOf(home: Home, known: Acknowledged): Facts {
  // Read the processes first: the store then knows every one that we find.
  const found = bearers(home);
  // Read the notes before the rows: what was acknowledged before is then in the rows.
  const witness = witnessOf(home);
  const db = openFile(join(home.dir, "agentctl.db"), { readonly: true, timeout: 5_000 });
  try {
    const all = (sql: string) => db.prepare(sql).all();
    return db.transaction(() => ({
      home,
      known,
      integrity: String(db.pragma("quick_check(1)", { simple: true })),
      tasks: all("select * from tasks order by id"),
      attempts: all("select * from attempts order by task_id, n"),
      events: all("select * from events order by seq"),
      steps: all("select * from steps order by task_id, position"),
      checkpoints: all("select * from checkpoints order by task_id, seq"),
      artifacts: all("select * from artifacts order by task_id, name"),
      bearers: found,
      witness,
    }))();
  } finally {
    db.close();
  }
}

export function witnessOf(home: Home): Map<number, Note[]> {
  const folder = home.file("witness");
  const names = existsSync(folder) ? readdirSync(folder) : [];
  return new Map(names.map((name) => [Number(name), notesIn(join(folder, name))]));
}

/** Returns the notes of one task, in the order in which the task wrote them. */
export function notesIn(file: string): Note[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, "utf8").split("\n").slice(0, -1);
  return lines.map((line) => {
    const [what = "", attempt = "", ...text] = line.split(" ");
    return { what, attempt: Number(attempt), text: text.join(" ") };
  });
}
