/**
 * Artifacts. The copy is complete on disk, under another name, before its row is written with the attempt's token, and
 * comes to its place only then: an attempt that was superseded changes neither. A daemon that dies between the two
 * leaves a copy that its row names by its checksum, and the next one puts it in its place.
 */
import {
  constants,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { copyFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { AgentctlError } from "../../core/errors.ts";
import type { Attempt, Task } from "../../core/task.ts";
import { sync } from "../../home/durable.ts";
import type { Artifact, NewArtifact } from "../../store/store.ts";
import type { Engine } from "../engine.ts";
import { foldersOf } from "./environment.ts";
import { sha256OfFile } from "./hash-file.ts";

const LONGEST_NAME_BYTES = 255;
type Writer = Pick<Attempt, "taskId" | "runKey" | "token">;

const DRAFT = /^artifact\..+\.new$/;

/** Keeps a copy of a file as an artifact of the task; a relative path is meant from the directory of the task. */
export async function keepArtifact(
  engine: Engine,
  active: Writer,
  { name, path }: { name: string; path: string },
): Promise<NewArtifact & { path: string }> {
  const task = await engine.require(active.taskId);
  requireName(task, name);
  const { artifacts } = foldersOf(engine, active.taskId);
  const file = join(artifacts, name);
  const draft = join(dirname(artifacts), `artifact.${active.runKey}.${engine.clock.mono()}.new`);
  makeFolder(engine, artifacts);
  requirePlace(task, file);
  const artifact = await recorded(engine, active, { task, name, path: resolve(task.cwd, path), draft });
  engine.fault("artifact:before-rename");
  // At once, so that of two of one name the copy that stays is that of the row that stays.
  renameSync(draft, file);
  sync(artifacts);
  engine.fault("artifact:after-rename");
  await engine.cluster?.files.keepArtifact(active.taskId, artifact.sha256, file);
  return { ...artifact, path: file };
}

/** The start of the task did not wait for what leads there to be on disk. */
function makeFolder({ places }: Engine, folder: string): void {
  if (mkdirSync(folder, { recursive: true, mode: 0o700 }) === undefined) return;
  for (let at = dirname(folder); at !== places.tasks; at = dirname(at)) sync(dirname(at));
}

async function recorded(
  engine: Engine,
  active: Writer,
  { task, name, path, draft }: { task: Task; name: string; path: string; draft: string },
): Promise<NewArtifact> {
  try {
    const artifact = { name, ...(await copied(task, path, draft)), createdAt: engine.clock.now() };
    sync(dirname(draft));
    await engine.store.addArtifact(active.token, artifact);
    return artifact;
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}

function requireName({ id, state }: Task, name: string): void {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
  const isName = /^[^/\u0000-\u001f\u007f]{1,200}$/.test(name) && name !== "." && name !== "..";
  if (isName && Buffer.byteLength(name) <= LONGEST_NAME_BYTES) return;
  const reason = "is a file name of up to 200 characters, without slashes and control characters";
  throw new AgentctlError("InvalidParams", { field: "name", reason, id, state });
}

/** What cannot be replaced is found before anything is recorded. */
function requirePlace({ id, state }: Task, file: string): void {
  if (!lstatSync(file, { throwIfNoEntry: false })?.isDirectory()) return;
  throw new AgentctlError("InvalidParams", { field: "name", reason: `${file} is a directory`, id, state });
}

async function copied(
  { id, state }: Task,
  path: string,
  draft: string,
): Promise<{ size: number; sha256: string }> {
  try {
    // Who reads a pipe waits for its writer, and those who can wait are few.
    if (!statSync(path).isFile()) throw new Error(`${path} is no regular file`);
    await copyFile(path, draft, constants.COPYFILE_FICLONE);
    return { size: statSync(draft).size, sha256: await sha256OfFile(draft) };
  } catch (error) {
    const reason = (error as Error).message;
    throw new AgentctlError("InvalidParams", { field: "path", reason, id, state }, { cause: error });
  }
}

/** Puts what was recorded when an earlier daemon died in its place, and drops copies that were not. */
export async function settleArtifacts(engine: Engine, id: number): Promise<void> {
  const folder = dirname(foldersOf(engine, id).artifacts);
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder).filter((one) => DRAFT.test(one))) {
    try {
      await settle(engine, id, join(folder, name));
    } catch (error) {
      engine.log.error({ task: id, error: String(error) }, "the copy of an artifact is left where it is");
    }
  }
}

async function settle(engine: Engine, id: number, draft: string): Promise<void> {
  const artifact = await recordedAs(engine, id, draft);
  if (!artifact) return rmSync(draft, { force: true });
  const { artifacts } = foldersOf(engine, id);
  mkdirSync(artifacts, { recursive: true, mode: 0o700 });
  renameSync(draft, join(artifacts, artifact.name));
  sync(artifacts);
}

/** The artifact of which this is the copy, where what is in its place is not. */
async function recordedAs(engine: Engine, id: number, draft: string): Promise<Artifact | undefined> {
  const { artifacts } = foldersOf(engine, id);
  const alike = (await engine.store.artifacts(id)).filter(({ size }) => size === statSync(draft).size);
  const sha256 = alike.length === 0 ? "" : await sha256OfFile(draft);
  for (const one of alike) {
    const file = join(artifacts, one.name);
    if (one.sha256 === sha256 && (!existsSync(file) || (await sha256OfFile(file)) !== sha256)) return one;
  }
  return undefined;
}
