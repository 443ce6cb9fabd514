export { newestBackup, RESTORING, sealBackup } from "./file/backups.ts";
export { openDatabase, SCHEMA_VERSION } from "./file/open.ts";
export {
  dropStore,
  holdWithEnvironment,
  type KnownAttempt,
  numbersOf,
  prepareRestore,
  type RestoredStore,
} from "./file/restored.ts";
export { taskOfRow, toAttempt, toCheckpoint } from "./rows.ts";
export { SqliteStore } from "./sqlite-store.ts";
