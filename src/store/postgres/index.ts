export { Connection } from "./connection.ts";
export {
  blob,
  blobPiece,
  dropEnvironments,
  dropOldArtifacts,
  environment,
  type KeptPiece,
  keepBlob,
  keepEnvironment,
} from "./kept.ts";
export {
  addMachine,
  forgetMachine,
  type Lease,
  listMachines,
  Machine,
  machineId,
  setMachine,
  untaken,
  whereabouts,
} from "./machines.ts";
export { PostgresStore } from "./postgres-store.ts";
export { makeSchema, readCluster } from "./schema.ts";
