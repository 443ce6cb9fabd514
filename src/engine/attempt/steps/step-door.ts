import type { Store } from "../../../store/store.ts";
import type { StepIntake } from "./step-intake.ts";

/** Finds what takes the brief steps of an active attempt into the store. */
export interface Intakes {
  ofToken(token: string): StepIntake | null | undefined;
  ofTask(id: number): StepIntake | null | undefined;
}

/**
 * The store as the engine sees it: whoever reads the journal of an active attempt, or adds to it, finds there what the
 * attempt's host has made durable by itself, because that is taken in first. This is the one door; behind it only the
 * intake itself writes. What is added here in the same turn stands behind the steps, in the same transaction.
 */
export function withBriefSteps(store: Store, intakes: Intakes): Store {
  const read =
    <R>(method: (id: number, ...more: never[]) => Promise<R>) =>
    async (id: number, ...more: never[]): Promise<R> => {
      await intakes.ofTask(id)?.take();
      return await method.call(store, id, ...more);
    };
  const add =
    <R>(method: (token: string, ...more: never[]) => Promise<R>) =>
    async (token: string, ...more: never[]): Promise<R> => {
      const taken = intakes.ofToken(token)?.take();
      const [value] = await Promise.all([method.call(store, token, ...more), taken]);
      return value;
    };
  const door = {
    journal: read(store.journal),
    journalPart: read(store.journalPart),
    requireJournal: read(store.requireJournal),
    kept: read(store.kept),
    acknowledge: add(store.acknowledge),
    keep: add(store.keep),
    saveCheckpoint: add(store.saveCheckpoint),
    saveResult: add(store.saveResult),
    takeMessages: add(store.takeMessages),
    openQuestion: add(store.openQuestion),
    async stepsOf(id: number) {
      // Only shown: where the store cannot take them, those that it has are.
      await intakes
        .ofTask(id)
        ?.take()
        .catch(() => {});
      return await store.stepsOf(id);
    },
  } as Partial<Store>;
  return new Proxy(store, {
    get(target, name) {
      const through = door[name as keyof Store];
      if (through) return through;
      const own = Reflect.get(target, name);
      return typeof own === "function" ? own.bind(target) : own;
    },
  });
}
