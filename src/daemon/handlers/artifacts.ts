import { join } from "node:path";
import { AgentctlError } from "../../core/errors.ts";
import { toIso } from "../../core/time.ts";
import { foldersOf } from "../../engine/index.ts";
import type { ArtifactJson, Handlers } from "../../protocol/methods.ts";
import type { Caller } from "../caller.ts";
import type { Daemon } from "./context.ts";

export function artifactJson(artifact: {
  name: string;
  size: number;
  sha256: string;
  createdAt: number;
  path: string;
}): ArtifactJson {
  const { name, size, sha256, createdAt, path } = artifact;
  return { name, size, sha256, createdAt: toIso(createdAt), path };
}

export function artifactHandlers({
  engine,
}: Daemon): Pick<Handlers<Caller>, "artifacts/list" | "artifacts/get"> {
  const list = async (ref: string | number) => {
    const task = await engine.require(ref);
    const folder = foldersOf(engine, task.id).artifacts;
    const kept = await engine.store.artifacts(task.id);
    return { task, artifacts: kept.map((one) => artifactJson({ ...one, path: join(folder, one.name) })) };
  };
  return {
    "artifacts/list": async ({ id }) => ({ artifacts: (await list(id)).artifacts }),
    "artifacts/get": async ({ id, name }) => {
      const { task, artifacts } = await list(id);
      const artifact = artifacts.find((one) => one.name === name);
      if (artifact) return { artifact };
      const reason = `task ${task.id} has no artifact ${JSON.stringify(name)}`;
      const hint = `agentctl artifact list ${task.id}`;
      throw new AgentctlError("ArtifactNotFound", { id: task.id, state: task.state, reason, hint });
    },
  };
}
