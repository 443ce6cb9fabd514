import type { Problem, Tools } from "./problem.ts";

/** Hooks whose last try failed, with what waits for them. */
export function checkHooks({ db }: Tools): Problem[] {
  const rows = db
    .prepare(
      `select last_error as error, given_up as lost, (select count(*) from deliveries where hook = hooks.key) as waiting
       from hooks where last_error is not null`,
    )
    .all() as { error: string; lost: number; waiting: number }[];
  return rows.map(({ error, lost, waiting }) => ({
    check: "hooks",
    task: null,
    what: `a hook fails: ${error}; ${waiting} messages wait for it, ${lost} were given up after a day`,
    key: `hook: ${error}`,
    mend: "agentctl hook list shows which; agentctl hook test <n> tries it",
    repair: null,
  }));
}
