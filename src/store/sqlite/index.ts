export { taskOfRow, toAttempt, toCheckpoint } from "../sql/rows.ts";
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
export { SqliteStore } from "./sqlite-store.ts";
