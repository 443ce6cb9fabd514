import { join } from "node:path";
import { defined } from "../../core/defined.ts";
import { AgentctlError } from "../../core/errors.ts";
import { toIso } from "../../core/time.ts";
import { foldersOf } from "../../engine/index.ts";
import type { ArtifactJson, Handlers } from "../../protocol/methods.ts";
import type { Caller } from "../caller.ts";
import type { Daemon } from "./context.ts";
import { PIECE_BYTES, readPiece } from "./piece.ts";
import { isLocal, readRemoteArtifact } from "./remote-files.ts";

export function artifactJson(artifact: {
  name: string;
  size: number;
  sha256: string;
  createdAt: number;
  path: string;
  machine?: string | null;
}): ArtifactJson {
  const { name, size, sha256, createdAt, path, machine } = artifact;
  return {
    name,
    size,
    sha256,
    createdAt: toIso(createdAt),
    path,
    ...defined({ machine: machine ?? undefined }),
  };
}

export function artifactHandlers(
  daemon: Daemon,
): Pick<Handlers<Caller>, "artifacts/list" | "artifacts/get" | "artifacts/read"> {
  const { engine, files } = daemon;
  const list = async (ref: string | number) => {
    const task = await engine.require(ref);
    const folder = foldersOf(engine, task.id).artifacts;
    const artifacts = await Promise.all(
      (await engine.store.artifacts(task.id)).map(async (stored) => {
        const path = join(folder, stored.name);
        if (isLocal(daemon, stored.machine)) return artifactJson({ ...stored, path, machine: null });
        const location = await files?.whereabouts(stored.machine as string, path);
        return artifactJson({ ...stored, path: location?.path ?? path });
      }),
    );
    return { task, artifacts };
  };
  const get = async (ref: string | number, name: string) => {
    const { task, artifacts } = await list(ref);
    const artifact = artifacts.find((each) => each.name === name);
    if (artifact) return { task, artifact };
    const reason = `task ${task.id} has no artifact ${JSON.stringify(name)}`;
    const hint = `agentctl artifact list ${task.id}`;
    throw new AgentctlError("ArtifactNotFound", { id: task.id, state: task.state, reason, hint });
  };
  return {
    "artifacts/list": async ({ id }) => ({ artifacts: (await list(id)).artifacts }),
    "artifacts/get": async ({ id, name }) => ({ artifact: (await get(id, name)).artifact }),
    "artifacts/read": async ({ id, name, offset, length = PIECE_BYTES }) => {
      const { task, artifact } = await get(id, name);
      const { path, sha256, machine } = artifact;
      if (machine !== undefined)
        return await readRemoteArtifact(daemon, task, { name, sha256, machine }, { offset, length });
      const part = await readPiece(path, { offset, length });
      if (part) return { data: part.data.toString("base64"), offset: part.offset, size: part.size, sha256 };
      const reason = `the file of artifact ${JSON.stringify(name)} of task ${task.id} is not there any more: ${path}`;
      throw new AgentctlError("ArtifactNotFound", { id: task.id, state: task.state, reason });
    },
  };
}
