/**
 * Artifacts. The copy is first completed on disk under another name, then recorded with the attempt's token, and only
 * then renamed to its final path. So a superseded attempt changes neither the record nor the file. If the daemon dies
 * before the rename, the next one finds the copy by its recorded checksum and renames it.
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

const MAX_NAME_BYTES = 255;
type Writer = Pick<Attempt, "taskId" | "runKey" | "token">;

const DRAFT_NAME = /^artifact\..+\.new$/;

/** Stores a copy of a file as an artifact of the task; a relative path is relative to the directory of the task. */
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
  requireReplaceable(task, file);
  const artifact = await recordCopy(engine, active, { task, name, path: resolve(task.cwd, path), draft });
  engine.fault("artifact:before-rename");
  // Synchronous, so that for two artifacts with the same name the last file belongs to the last record.
  renameSync(draft, file);
  sync(artifacts);
  engine.fault("artifact:after-rename");
  await engine.cluster?.files.keepArtifact(active.taskId, artifact.sha256, file);
  return { ...artifact, path: file };
}

/** Makes the folder and flushes its parents to disk, because the start of the task did not wait for that. */
function makeFolder({ places }: Engine, folder: string): void {
  if (mkdirSync(folder, { recursive: true, mode: 0o700 }) === undefined) return;
  for (let parent = dirname(folder); parent !== places.tasks; parent = dirname(parent)) sync(dirname(parent));
}

async function recordCopy(
  engine: Engine,
  active: Writer,
  { task, name, path, draft }: { task: Task; name: string; path: string; draft: string },
): Promise<NewArtifact> {
  try {
    const artifact = { name, ...(await copyToDraft(task, path, draft)), createdAt: engine.clock.now() };
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
  if (isName && Buffer.byteLength(name) <= MAX_NAME_BYTES) return;
  const reason = `${JSON.stringify(name)} is not a file name of up to 200 characters, without slashes and control characters`;
  throw new AgentctlError("InvalidParams", { field: "name", reason, id, state });
}

/** Throws before anything is recorded if the target cannot be replaced. */
function requireReplaceable({ id, state }: Task, file: string): void {
  if (!lstatSync(file, { throwIfNoEntry: false })?.isDirectory()) return;
  throw new AgentctlError("InvalidParams", { field: "name", reason: `${file} is a directory`, id, state });
}

async function copyToDraft(
  { id, state }: Task,
  path: string,
  draft: string,
): Promise<{ size: number; sha256: string }> {
  try {
    // Reading a pipe blocks until a program writes to it, and would occupy one of the few threads for file access.
    if (!statSync(path).isFile()) throw new Error(`${path} is not a regular file`);
    await copyFile(path, draft, constants.COPYFILE_FICLONE);
    return { size: statSync(draft).size, sha256: await sha256OfFile(draft) };
  } catch (error) {
    const reason = (error as Error).message;
    throw new AgentctlError("InvalidParams", { field: "path", reason, id, state }, { cause: error });
  }
}

/** Renames copies that were recorded before an earlier daemon died, and deletes copies that were not recorded. */
export async function settleArtifacts(engine: Engine, id: number): Promise<void> {
  const folder = dirname(foldersOf(engine, id).artifacts);
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder).filter((entry) => DRAFT_NAME.test(entry))) {
    try {
      await settle(engine, id, join(folder, name));
    } catch (error) {
      engine.log.error({ task: id, error: String(error) }, "the copy of an artifact is left where it is");
    }
  }
}

async function settle(engine: Engine, id: number, draft: string): Promise<void> {
  const artifact = await findRecorded(engine, id, draft);
  if (!artifact) return rmSync(draft, { force: true });
  const { artifacts } = foldersOf(engine, id);
  mkdirSync(artifacts, { recursive: true, mode: 0o700 });
  renameSync(draft, join(artifacts, artifact.name));
  sync(artifacts);
}

/** Returns the recorded artifact that this copy belongs to, if the file at its path has other content or is missing. */
async function findRecorded(engine: Engine, id: number, draft: string): Promise<Artifact | undefined> {
  const { artifacts } = foldersOf(engine, id);
  const candidates = (await engine.store.artifacts(id)).filter(({ size }) => size === statSync(draft).size);
  const sha256 = candidates.length === 0 ? "" : await sha256OfFile(draft);
  for (const artifact of candidates) {
    const file = join(artifacts, artifact.name);
    if (artifact.sha256 === sha256 && (!existsSync(file) || (await sha256OfFile(file)) !== sha256))
      return artifact;
  }
  return undefined;
}
