export { newestBackup, openDatabase, SCHEMA_VERSION } from "./open.ts";
export { SqliteStore } from "./sqlite-store.ts";
