import { createReadStream, renameSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { resolve } from "node:path";
import { defined } from "../../../core/defined.ts";
import { AgentctlError } from "../../../core/errors.ts";
import { explainReadError } from "../../../home/text.ts";
import type { Result } from "../../../protocol/methods.ts";
import type { RpcClient } from "../../../protocol/rpc-client.ts";
import type { Context } from "../../command/context.ts";
import { command, flag, type Group, value, values } from "../../command/define.ts";
import { variable } from "../../command/option-values.ts";
import { actor, reference, withDaemon } from "../../command/session.ts";
import { usage } from "../../command/usage.ts";
import { chosenVariables } from "../../input/caller-environment.ts";
import { absolutePath } from "../../input/input.ts";
import { sizeText } from "../../text/when.ts";
import { download, uploader } from "./bundles.ts";
import { readPassphrase } from "./passphrase.ts";
import { withPathHint } from "./path-hint.ts";

type Exported = Result<"tasks/export">;

/** The options that say which variables travel. */
export const envOptions = {
  withEnv: flag("--with-env", "its whole environment travels, not only what --env gave it"),
  withoutEnv: flag("--without-env", "none of its variables travel"),
};

/** Returns the parameters of `tasks/export` for these options. */
export function envParam(options: { withEnv: boolean; withoutEnv: boolean }): { withEnv?: boolean } {
  if (options.withEnv && options.withoutEnv) throw usage("either --with-env or --without-env, not both");
  return options.withEnv || options.withoutEnv ? { withEnv: options.withEnv } : {};
}

const passphraseOption = value(
  "--passphrase-file <file>",
  "the passphrase of its variables (AGENTCTL_PASSPHRASE)",
);

const exportTask = command({
  name: "export",
  summary: "write a paused task to a file, with all that it needs to go on in another home",
  notes:
    "The file has its fields, journal, checkpoint, messages, artifacts and folder. It also has the values given with --env, " +
    "encrypted with a passphrase. The task stays here as it is: the file is a copy.",
  args: [
    ["<id>", "a task's id, uuid or name"],
    ["[file]", "where to write it; - for stdout (task-<id>.bundle)"],
  ],
  options: {
    pause: flag("--pause", "pause it first, at a checkpoint"),
    ...envOptions,
    passphraseFile: passphraseOption,
  },
  examples: [
    ["task export 12", "task-12.bundle"],
    ["task export 12 --pause - | ssh box agentctl task import -", "a copy that goes on elsewhere"],
  ],
  async run(context, [id = "", file], { pause, passphraseFile, ...options }) {
    const env = envParam(options);
    return await withDaemon(context, async (rpc) => {
      const actorParam = { actor: actor(context) };
      if (pause) await rpc.call("tasks/pause", { id: reference(id), ...actorParam });
      const exported = await withPassphrase(context, passphraseFile, (passphrase) =>
        rpc.call("tasks/export", { id: reference(id), ...env, ...defined({ passphrase }), ...actorParam }),
      );
      const { task } = await rpc.call("tasks/get", { id: reference(id) });
      await writeBundle(context, rpc, exported, file ?? `task-${task.id}.bundle`);
      return 0;
    });
  },
});

/** Runs `act` with the given passphrase, or without one. If one is needed but not given, asks on the terminal. */
async function withPassphrase<T>(
  context: Context,
  file: string | undefined,
  act: (passphrase: string | undefined) => Promise<T>,
): Promise<T> {
  const passphrase = await readPassphrase(context, file, false);
  try {
    return await act(passphrase);
  } catch (error) {
    const isNeeded =
      passphrase === undefined && error instanceof AgentctlError && /passphrase/.test(error.message);
    const typed = isNeeded ? await readPassphrase(context, file, true) : undefined;
    if (typed === undefined) throw error;
    return await act(typed);
  }
}

async function writeBundle(
  context: Context,
  rpc: RpcClient,
  exported: Exported,
  name: string,
): Promise<void> {
  const { out, cwd } = context;
  if (!out.json)
    for (const { what, bytes } of exported.contents) out.note(`${sizeText(bytes).padStart(9)}  ${what}`);
  if (name === "-") return await download(rpc, exported.bundle, (chunk) => out.bytes(chunk));
  const path = resolve(cwd, name);
  const draft = `${path}.part`;
  try {
    const file = await open(draft, "w", 0o600);
    try {
      await download(rpc, exported.bundle, (chunk) => file.writeFile(chunk));
      await file.sync();
    } finally {
      await file.close();
    }
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    if (error instanceof AgentctlError) throw error;
    throw usage(`${name} cannot be written: ${(error as Error).message}`);
  }
  const { size, sha256, contents } = exported;
  if (out.json) out.data({ file: path, size, sha256, contents });
  else out.line(name);
}

const importTask = command({
  name: "import",
  summary: "make a task of a file that task export has written; prints its id",
  notes: "It is suspended, as it was; with --release it continues. Importing a file twice makes one task.",
  args: [["<file>", "a bundle; - for stdin"]],
  options: {
    cwd: value("--cwd <directory>", "where it runs, if not in the same directory"),
    module: value("--module <file>", "its module, if that has another path here"),
    env: values(
      "-e, --env <NAME[=value]>",
      "a variable; without a value the caller's (repeatable)",
      variable,
    ),
    release: flag("--release", "let it go on at once"),
    passphraseFile: passphraseOption,
  },
  examples: [
    ["task import task-12.bundle", "suspended; agentctl resume goes on"],
    ["task import task-12.bundle --cwd /srv/work --release", "elsewhere, at once"],
  ],
  async run(context, [file = ""], { cwd, module, env, release, passphraseFile }) {
    const { out } = context;
    const variables = env.length > 0 ? { env: chosenVariables(context, env) } : {};
    const paths = {
      ...(cwd === undefined ? {} : { cwd: absolutePath(context, cwd) }),
      ...(module === undefined ? {} : { module: absolutePath(context, module) }),
    };
    return await withDaemon(context, async (rpc) => {
      const { mapError } = rpc;
      rpc.mapError = (error) => withPathHint(mapError(error));
      const actorParam = { actor: actor(context) };
      const { task, created } = await withPassphrase(context, passphraseFile, async (passphrase) => {
        const bundle = await uploadBundle(context, rpc, file);
        return await rpc.call("tasks/import", {
          bundle,
          ...paths,
          ...variables,
          ...defined({ passphrase }),
          ...actorParam,
        });
      });
      if (!created) out.note(`it was imported before, as task ${task.id}`);
      const shouldResume = release && task.state === "suspended";
      const response = shouldResume
        ? await rpc.call("tasks/resume", { id: task.id, ...actorParam })
        : { task };
      if (!("task" in response)) return 1;
      if (out.json) out.data(response.task);
      else out.line(String(task.id));
      if (!shouldResume && created) out.note(`it is suspended; agentctl resume ${task.id} goes on`);
      return 0;
    });
  },
});

async function uploadBundle(context: Context, rpc: RpcClient, file: string): Promise<string> {
  const upload = uploader(rpc);
  const source = file === "-" ? context.stdin() : createReadStream(resolve(context.cwd, file));
  try {
    for await (const chunk of source) await upload.write(chunk as Buffer);
  } catch (error) {
    if (error instanceof AgentctlError) throw error;
    throw usage(`${file} cannot be read: ${explainReadError(error)}`);
  }
  return await upload.bundle();
}

export const task: Group = {
  name: "task",
  summary: "take a task to another home in a file",
  commands: [exportTask, importTask],
};
