export { taskOfRow, toAttempt, toCheckpoint } from "../sql/rows.ts";
export { newestBackup, RESTORING, sealBackup } from "./file/backups.ts";
export { MIGRATIONS, SCHEMA_VERSION } from "./file/migrations.ts";
export { openDatabase } from "./file/open.ts";
export {
  dropStore,
  holdWithEnvironment,
  type KnownAttempt,
  numbersOf,
  prepareRestore,
  type RestoredStore,
} from "./file/restored.ts";
export { foreignTables } from "./file/tables.ts";
export { SqliteStore } from "./sqlite-store.ts";
