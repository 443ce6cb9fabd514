import type { Command, Group } from "./define.ts";

type Load = () => Promise<Command | Group>;

/** Every verb, in the order and under the titles of the overview. A command is loaded when it is called. */
export const sections: readonly { title: string; verbs: Readonly<Record<string, Load>> }[] = [
  {
    title: "Submit",
    verbs: {
      run: async () => (await import("./commands/run.ts")).run,
      batch: async () => (await import("./commands/batch.ts")).batch,
      rerun: async () => (await import("./commands/rerun.ts")).rerun,
    },
  },
  {
    title: "Look",
    verbs: {
      list: async () => (await import("./commands/list.ts")).list,
      show: async () => (await import("./commands/show.ts")).show,
      logs: async () => (await import("./commands/logs.ts")).logs,
      watch: async () => (await import("./commands/watch.ts")).watch,
      wait: async () => (await import("./commands/wait.ts")).wait,
      events: async () => (await import("./commands/events.ts")).events,
    },
  },
  {
    title: "Steer",
    verbs: {
      pause: async () => (await import("./commands/pause.ts")).pause,
      resume: async () => (await import("./commands/resume.ts")).resume,
      cancel: async () => (await import("./commands/cancel.ts")).cancel,
      hold: async () => (await import("./commands/hold.ts")).hold,
      release: async () => (await import("./commands/release.ts")).release,
      answer: async () => (await import("./commands/answer.ts")).answer,
      send: async () => (await import("./commands/send.ts")).send,
    },
  },
  {
    title: "Keep and tidy",
    verbs: {
      checkpoint: async () => (await import("./commands/checkpoint.ts")).checkpoint,
      artifact: async () => (await import("./commands/artifact.ts")).artifact,
      queue: async () => (await import("./commands/queue.ts")).queue,
      delete: async () => (await import("./commands/delete.ts")).remove,
      daemon: async () => (await import("./commands/daemon.ts")).daemon,
      doctor: async () => (await import("./commands/doctor.ts")).doctor,
      config: async () => (await import("./commands/config.ts")).config,
      completion: async () => (await import("./commands/completion.ts")).completion,
    },
  },
];

/** Other names of verbs. */
export const aliases: Readonly<Record<string, string>> = {
  ls: "list",
  status: "show",
  kill: "cancel",
  rm: "delete",
};

const table: Readonly<Record<string, Load>> = Object.assign({}, ...sections.map(({ verbs }) => verbs));

/** The names of all verbs, without their aliases. */
export const verbNames: readonly string[] = Object.keys(table);

/** The command or group behind a word, or undefined when there is none. */
export async function verb(word: string): Promise<Command | Group | undefined> {
  const name = Object.hasOwn(aliases, word) ? aliases[word] : word;
  return name !== undefined && Object.hasOwn(table, name) ? table[name]?.() : undefined;
}

/** The other names of a verb. */
export function aliasesOf(name: string): string[] {
  return Object.keys(aliases).filter((alias) => aliases[alias] === name);
}
