export { newestBackup, RESTORING, sealBackup } from "./backups.ts";
export { openDatabase, SCHEMA_VERSION } from "./open.ts";
export {
  dropStore,
  holdWithEnvironment,
  type KnownAttempt,
  numbersOf,
  prepareRestore,
  type RestoredStore,
} from "./restored.ts";
export { taskOfRow, toAttempt, toCheckpoint } from "./rows.ts";
export { SqliteStore } from "./sqlite-store.ts";
