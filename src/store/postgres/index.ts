export { Connection } from "./connection.ts";
export {
  addMachine,
  forgetMachine,
  hasHeard,
  type Lease,
  listMachines,
  MACHINE_CHANNEL,
  Machine,
  machineId,
  setMachine,
  untaken,
  whereabouts,
} from "./machines.ts";
export { PostgresStore } from "./postgres-store.ts";
export { hasCluster, makeSchema, readCluster } from "./schema.ts";
export {
  type BlobPiece as KeptPiece,
  blob,
  blobPiece,
  dropEnvironments,
  dropOldArtifacts,
  environment,
  keepBlob,
  keepEnvironment,
} from "./shared-data.ts";
