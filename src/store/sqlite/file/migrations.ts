import initial from "../migrations/0001.sql";

/** The migrations in order; the schema's version is how many have run. Never edited after a release. */
export const MIGRATIONS: readonly string[] = [initial];

/** The newest schema that this program knows. */
export const SCHEMA_VERSION = MIGRATIONS.length;
