export { Connection } from "./connection.ts";
export {
  addMachine,
  blob,
  dropEnvironments,
  environment,
  forgetMachine,
  keepBlob,
  keepEnvironment,
  type Lease,
  listMachines,
  Machine,
  setMachine,
} from "./machines.ts";
export { PostgresStore } from "./postgres-store.ts";
export { makeSchema, readCluster } from "./schema.ts";
