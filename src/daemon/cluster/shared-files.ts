import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type ClusterFiles, packFolder, unpackFolder } from "../../engine/index.ts";
import type { Paths } from "../../home/paths.ts";
import {
  blob,
  blobPiece,
  dropOldArtifacts,
  type KeptPiece,
  keepBlob,
  type PostgresStore,
  whereabouts,
} from "../../store/postgres/index.ts";
import { readPiece } from "../handlers/piece.ts";
import type { DaemonLog } from "../log.ts";

/** Larger folders and larger artifacts stay on their machine; in bytes. */
const FOLDER_BYTES = 64 * 1024 * 1024;
const ARTIFACT_BYTES = 16 * 1024 * 1024;
/** How much of the end of a log outlasts its machine, in bytes. */
const LOG_BYTES = 1024 * 1024;
/** How long a running machine may take to respond, in ms. */
const RESPONSE_TIMEOUT_MS = 5000;

/** A method to call on another machine, for files that are there. */
export interface MachineRequest {
  method: string;
  params: object;
}

/** The files of tasks that the machines of a cluster share. */
export class SharedFiles implements ClusterFiles {
  readonly #store: PostgresStore;
  readonly #machine: string;
  readonly #paths: Paths;
  readonly #log: DaemonLog;
  readonly #uploads = new Set<Promise<void>>();

  constructor({
    store,
    machine,
    paths,
    log,
  }: { store: PostgresStore; machine: string; paths: Paths; log: DaemonLog }) {
    this.#store = store;
    this.#machine = machine;
    this.#paths = paths;
    this.#log = log;
  }

  async keepFolder(id: number): Promise<void> {
    const folder = this.#folder(id);
    if (!existsSync(folder) || readdirSync(folder).length === 0) return;
    await this.#withArchive(async (archive) => {
      await packFolder(folder, archive);
      const data = readFileSync(archive);
      if (data.length > FOLDER_BYTES)
        throw new Error(`it has ${data.length} bytes, of which at most ${FOLDER_BYTES} travel`);
      await keepBlob(this.#store.files, { task: id, name: "folder", data, machine: this.#machine });
    });
  }

  async fetchFolder(id: number): Promise<void> {
    const data = await blob(this.#store.files, id, "folder");
    if (!data) return;
    await this.#withArchive(async (archive) => {
      writeFileSync(archive, data, { mode: 0o600 });
      rmSync(this.#folder(id), { recursive: true, force: true });
      await unpackFolder(archive, this.#folder(id));
    });
  }

  async keepArtifact(id: number, sha256: string, path: string): Promise<void> {
    try {
      const { size } = statSync(path);
      if (size > ARTIFACT_BYTES)
        throw new Error(`it has ${size} bytes, of which at most ${ARTIFACT_BYTES} travel`);
      await keepBlob(this.#store.files, { task: id, name: artifactName(sha256), data: readFileSync(path) });
      await dropOldArtifacts(this.#store.files, id);
    } catch (error) {
      this.#log.warn({ task: id, path, error: String(error) }, "an artifact stays on this machine");
    }
  }

  keepLog(id: number, name: string, path: string): void {
    const upload = this.#uploadEnd(id, name, path)
      .catch((error) =>
        this.#log.warn({ task: id, error: String(error) }, "the end of a log stays on this machine"),
      )
      .finally(() => this.#uploads.delete(upload));
    this.#uploads.add(upload);
  }

  /** Resolves when all logs that are being kept are stored. */
  async whenSettled(): Promise<void> {
    await Promise.all(this.#uploads);
  }

  /** Returns bytes kept under a name, or undefined if nothing was kept. */
  async readKept(
    task: number,
    name: string,
    range: { offset?: number; fromEnd?: number; length: number },
  ): Promise<KeptPiece | undefined> {
    return await blobPiece(this.#store.files, { task, name }, range);
  }

  /**
   * Returns another machine's response, or undefined if there is none. Rejects with the error that it responds with.
   */
  async ask(machine: string, request: MachineRequest, waitMs = 0): Promise<unknown | undefined> {
    const location = await whereabouts(this.#store.listener, machine);
    if (!location?.isUp) return undefined;
    return await this.#store.relay.ask(machine, request, RESPONSE_TIMEOUT_MS + waitMs);
  }

  /** Returns when a machine was last seen, in ms since 1970, and the file on it that has this path here. */
  async whereabouts(machine: string, path: string): Promise<{ seenAt: number | null; path: string }> {
    const location = await whereabouts(this.#store.listener, machine);
    return { seenAt: location?.seenAt ?? null, path: path.replace(this.#paths.home, location?.home ?? "") };
  }

  /** Registers the function that responds to other machines. */
  onRequest(answer: (request: MachineRequest) => Promise<unknown>): void {
    this.#store.relay.onAsked((request) => answer(request as MachineRequest));
  }

  #folder(id: number): string {
    return join(this.#paths.tasks, String(id));
  }

  async #uploadEnd(id: number, name: string, path: string): Promise<void> {
    const parts: Buffer[] = [];
    let size = 0;
    for (let offset: number | undefined; ; ) {
      const part = await readPiece(path, {
        offset,
        fromEnd: offset === undefined ? LOG_BYTES : undefined,
        length: LOG_BYTES,
      });
      if (!part) return;
      size = part.size;
      parts.push(part.data);
      offset = part.offset + part.data.length;
      if (part.data.length === 0 || offset >= size) break;
    }
    await keepBlob(this.#store.files, { task: id, name, data: Buffer.concat(parts), size });
  }

  async #withArchive(work: (archive: string) => Promise<void>): Promise<void> {
    const draft = mkdtempSync(join(this.#paths.bundles, "folder-"));
    try {
      await work(join(draft, "folder.tar"));
    } finally {
      rmSync(draft, { recursive: true, force: true });
    }
  }
}

/** Returns the name under which an artifact with this content is kept. */
export function artifactName(sha256: string): string {
  return `artifact/${sha256}`;
}
