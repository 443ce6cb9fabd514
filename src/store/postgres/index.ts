export { Connection } from "./connection.ts";
export { PostgresStore } from "./postgres-store.ts";
export { makeSchema, readCluster } from "./schema.ts";
