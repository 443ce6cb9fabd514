import { randomUUID } from "node:crypto";
import { rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { ArtifactContent } from "./api.ts";
import type { Session } from "./session.ts";
import { refuseCutText } from "./whole-text.ts";

/** Implements `task.artifact`. */
export async function artifact(session: Session, name: string, content: ArtifactContent): Promise<void> {
  if (typeof name !== "string" || name === "")
    throw new TypeError("task.artifact(name, content): a name must be a non-empty string");
  refuseCutText(name, "an artifact's name");
  const flight = session.calls.begin();
  try {
    await session.calls.open(flight);
    if (isFile(content)) await storeFile(session, name, resolve(content.path));
    else await storeContent(session, name, content);
    await session.calls.open(flight);
  } finally {
    session.calls.end(flight);
  }
}

function isFile(content: ArtifactContent): content is { path: string } {
  if (typeof content === "string" || content instanceof Uint8Array) return false;
  if (typeof content?.path === "string") return true;
  throw new TypeError("task.artifact(name, content): content must be a string, a Uint8Array or { path }");
}

async function storeContent(session: Session, name: string, content: string | Uint8Array): Promise<void> {
  const draft = join(session.hello.dir, `.artifact-${randomUUID()}`);
  try {
    await writeFile(draft, content, { mode: 0o600 });
    await storeFile(session, name, draft);
  } finally {
    await rm(draft, { force: true });
  }
}

async function storeFile(session: Session, name: string, path: string): Promise<void> {
  await session.link.call("attempt/artifact", { name, path });
}
