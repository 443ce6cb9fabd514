import type { Store } from "../../../store/store.ts";
import type { StepIntake } from "./step-intake.ts";

/** Finds the intake that takes the brief steps of an active attempt into the store. */
export interface Intakes {
  ofToken(token: string): StepIntake | null | undefined;
  ofTask(id: number): StepIntake | null | undefined;
}

/**
 * Returns the store as the engine sees it. Before each read of an active attempt's journal, and each write to it, the
 * intake takes in the steps that the attempt's host made durable in its file. Only the intake itself bypasses this
 * wrapper. A write here in the same turn comes after those steps, in the same transaction.
 */
export function withBriefSteps(store: Store, intakes: Intakes): Store {
  const read =
    <R>(method: (id: number, ...more: never[]) => Promise<R>) =>
    async (id: number, ...more: never[]): Promise<R> => {
      await intakes.ofTask(id)?.take();
      return await method.call(store, id, ...more);
    };
  const write =
    <R>(method: (token: string, ...more: never[]) => Promise<R>) =>
    async (token: string, ...more: never[]): Promise<R> => {
      const intake = intakes.ofToken(token)?.take();
      const [value] = await Promise.all([method.call(store, token, ...more), intake]);
      return value;
    };
  const overrides = {
    journal: read(store.journal),
    journalPart: read(store.journalPart),
    requireJournal: read(store.requireJournal),
    kept: read(store.kept),
    acknowledge: write(store.acknowledge),
    keep: write(store.keep),
    saveCheckpoint: write(store.saveCheckpoint),
    saveResult: write(store.saveResult),
    takeMessages: write(store.takeMessages),
    openQuestion: write(store.openQuestion),
    async stepsOf(id: number) {
      // These are only displayed. If the store cannot take the new ones, return those that it has.
      await intakes
        .ofTask(id)
        ?.take()
        .catch(() => {});
      return await store.stepsOf(id);
    },
  } as Partial<Store>;
  return new Proxy(store, {
    get(target, name) {
      const override = overrides[name as keyof Store];
      if (override) return override;
      const member = Reflect.get(target, name);
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
}
