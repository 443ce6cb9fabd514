export { newestBackup, sealBackup } from "./backups.ts";
export { openDatabase, SCHEMA_VERSION } from "./open.ts";
export { SqliteStore } from "./sqlite-store.ts";
