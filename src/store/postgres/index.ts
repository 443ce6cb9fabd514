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
