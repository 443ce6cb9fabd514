#!/usr/bin/env node
import { realpathSync } from "node:fs";
/**
 * A stand-in for coding agents: started under the name of one, it speaks that agent's protocol and has its bad habits.
 * FAKE_SCRIPT names a JSON file with its steps; what it does next follows from the session on disk alone, so a session
 * that was lost shows as a first step that runs twice, and a tool that ran twice shows in what tools write.
 */
import { basename, dirname, join } from "node:path";

const name = basename(process.argv[1]);
const folder = dirname(realpathSync(process.argv[1]));
if (process.argv[2] === "--version") {
  console.log(process.env.FAKE_VERSION ?? "1.0.0");
} else {
  const { run } = await import(join(folder, `${name}.mjs`));
  await run(process.argv.slice(2));
}
