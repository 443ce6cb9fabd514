import initial from "../migrations/0001.sql";

/** The migrations in order. The schema version is how many have run. Never edit a migration after its release. */
export const MIGRATIONS: readonly string[] = [initial];

/** The newest schema version that this program knows. */
export const SCHEMA_VERSION = MIGRATIONS.length;
