import type { Problem, Tools } from "./problem.ts";

/** Reports hooks whose last try failed, with the number of messages that wait for them. */
export function checkHooks({ db }: Tools): Problem[] {
  return hookProblems(db.prepare(HOOKS_THAT_FAIL).all() as FailingHook[]);
}

interface FailingHook {
  error: string;
  lost: number;
  waiting: number;
}

export const HOOKS_THAT_FAIL = `select last_error as error, given_up as lost,
    (select count(*) from deliveries where hook = hooks.key) as waiting
  from hooks where last_error is not null`;

export function hookProblems(rows: readonly FailingHook[]): Problem[] {
  return rows.map(({ error, lost, waiting }) => ({
    check: "hooks",
    task: null,
    what: `a hook fails: ${error}; ${waiting} messages wait for it, ${lost} were given up after a day`,
    key: `hook: ${error}`,
    mend: "agentctl hook list shows which; agentctl hook test <n> tries it",
    repair: null,
  }));
}
