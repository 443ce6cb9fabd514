/**
 * To make the files of a task that begins costs some file systems more than all the rest of its start. So those of
 * the next queued tasks are made while the programs before them run, and not between the end of one and the start of the next.
 */
import { closeSync, existsSync, mkdirSync, openSync } from "node:fs";
import type { Engine } from "../engine.ts";
import { foldersOf, logFile } from "./environment.ts";

/** Of tasks that never begin nothing is remembered for long. */
const MOST_KNOWN = 100;

/** The folders of a task, as it needs them to begin. Throws where there is no room for them. */
export function makeFolders(engine: Engine, id: number): void {
  const { folder, logs } = foldersOf(engine, id);
  // Mostly they were made ahead, and to look is cheaper than to be told.
  for (const path of [folder, logs]) if (!existsSync(path)) mkdirSync(path, { recursive: true, mode: 0o700 });
}

/** The log of an attempt that is about to begin. Throws where there is no room for it. */
export function makeLog(engine: Engine, id: number, attempt: number): void {
  closeSync(openSync(logFile(engine, id, attempt), "a", 0o600));
}

/** Makes the files of those that come next; what cannot be made now is told at their start. */
export function makeAhead(engine: Engine, ids: readonly number[]): void {
  const { ahead } = engine;
  for (const id of ids) {
    if (ahead.has(id)) continue;
    if (ahead.size >= MOST_KNOWN) ahead.clear();
    ahead.add(id);
    if (engine.emptied.give(id)) continue;
    try {
      makeFolders(engine, id);
      makeLog(engine, id, 1);
    } catch {
      return;
    }
  }
}
