/** Rules for the notes that tasks have written, compared with the tasks' rows. */
import type { Facts, Note, Row } from "./facts.ts";

/** Returns how often a task was sent back to an earlier checkpoint before its attempt `n`. */
function eraOf(events: Row[], id: number, n: number): number {
  return events.filter(
    ({ task_id, data, attempt }) => task_id === id && data?.includes('"from"') && attempt < n,
  ).length;
}

/** Checks that no acknowledged step is missing and none has run again. */
export function stepsFit({ tasks, events, steps, witness }: Facts): string[] {
  const wrong: string[] = [];
  for (const [id, notes] of witness) {
    if (!tasks.some((task) => task.id === id)) continue;
    const journal = steps.filter(({ task_id, kind }) => task_id === id && kind === "step");
    const era = (attempt: number) => eraOf(events, id, attempt);
    // This includes a return to an earlier checkpoint after which no attempt has begun.
    const present = era(Number.POSITIVE_INFINITY);
    for (const { what, attempt, text } of notes) {
      const row = journal.find(({ name }) => name === text);
      if (what === "acked" && era(attempt) === present && !row) {
        wrong.push(`task ${id}: step ${text} was acknowledged in attempt ${attempt} and is lost`);
      }
      if (what === "acked" && row && era(attempt) === era(row.attempt) && attempt < row.attempt) {
        wrong.push(
          `task ${id}: step ${text}, acknowledged in ${attempt}, was kept in attempt ${row.attempt}`,
        );
      }
      if (what === "ran" && row && era(attempt) === era(row.attempt) && attempt > row.attempt) {
        wrong.push(`task ${id}: step ${text}, acknowledged in attempt ${row.attempt}, ran in ${attempt}`);
      }
    }
    wrong.push(...ranTwice(id, notes));
  }
  return wrong;
}

function ranTwice(id: number, notes: Note[]): string[] {
  const wrong: string[] = [];
  const counts = new Map<string, number>();
  const inFlight = new Map<number, number>();
  for (const { what, attempt, text } of notes) {
    const key = `${attempt} ${text}`;
    if (what === "ran") {
      counts.set(key, (counts.get(key) ?? 0) + 1);
      inFlight.set(attempt, (inFlight.get(attempt) ?? 0) + 1);
    }
    if (what === "acked" && counts.has(key)) inFlight.set(attempt, (inFlight.get(attempt) ?? 0) - 1);
  }
  for (const [key, count] of counts) {
    if (count > 1) wrong.push(`task ${id}: a step ran ${count} times in one attempt: ${key}`);
  }
  for (const [attempt, count] of inFlight) {
    // The modules of these tests run their steps one after the other.
    if (count > 1) wrong.push(`task ${id}: ${count} steps of attempt ${attempt} ran and did not return`);
  }
  return wrong;
}

/** Checks that a coding agent does not run a tool call again whose result is in its conversation. */
export function toolsFit({ events, witness }: Facts): string[] {
  return [...witness].flatMap(([id, notes]) => {
    const told = new Set<string>();
    return notes.flatMap(({ what, attempt, text }) => {
      const call = `${eraOf(events, id, attempt)} ${text}`;
      if (what === "told") told.add(call);
      const isAgain = what === "tool" && told.has(call);
      return isAgain ? [`task ${id}: the tool of ${text} had run and ran again in attempt ${attempt}`] : [];
    });
  });
}

/** Checks that no acknowledged checkpoint is missing. */
export function checkpointsFit({ tasks, events, checkpoints, witness }: Facts): string[] {
  return [...witness].flatMap(([id, notes]) => {
    const task = tasks.find((each) => each.id === id);
    const saved = notes.filter(({ what }) => what === "saved").map(({ text }) => Number(text));
    if (!task || saved.length === 0 || eraOf(events, id, Number.POSITIVE_INFINITY) > 0) return [];
    const own = checkpoints.filter(({ task_id }) => task_id === id);
    const newest = Math.max(-1, ...own.map(({ data }) => Number(String(data).trim() || -1)));
    const wrong: string[] = [];
    if (newest < Math.max(...saved))
      wrong.push(`task ${id}: checkpoint ${Math.max(...saved)} was saved and is lost`);
    if (JSON.parse(task.checkpoint ?? "null")?.seq !== own.filter((row) => !row.superseded).at(-1)?.seq) {
      wrong.push(`task ${id} says ${task.checkpoint} and has checkpoints ${own.map(({ seq }) => seq)}`);
    }
    return wrong;
  });
}
