/** A file that a task left behind. */
export interface Artifact {
  taskId: number;
  name: string;
  size: number;
  sha256: string;
  createdAt: number;
  /** The machine of a cluster that has the file; null outside of one. */
  machine: string | null;
}

/** A new artifact; the store adds its task and machine. */
export type NewArtifact = Omit<Artifact, "taskId" | "machine">;
