/** Checks that lines of the fake agent have nothing that the recorded lines of the real agent do not have. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { objectOf } from "../../src/agents/adapter/json.ts";

const recordings = join(import.meta.dirname, "../agent-events");
const folders = {
  claude: ["claude-2.1.197", "claude-2.1.332"],
  codex: ["codex-app-server-0.171.0"],
  opencode: ["opencode-serve-1.18.33"],
  gemini: ["gemini-0.61.0"],
};

/** Fields of tools, whose contents differ from run to run. */
const FREE = ["input", "parameters", "metadata"];

/** Returns the places in these lines, as `<kind of line> <path>`, that no recorded line of the agent has. */
export function unrecorded(agent: keyof typeof folders, lines: readonly string[]): string[] {
  const known = new Set(
    folders[agent].flatMap((folder) =>
      readdirSync(join(recordings, folder)).flatMap((name) =>
        readFileSync(join(recordings, folder, name), "utf8")
          .split("\n")
          .flatMap(placesOf),
      ),
    ),
  );
  return [...new Set(lines.flatMap(placesOf))].filter((place) => !known.has(place));
}

function placesOf(line: string): string[] {
  // Text between the lines and a line that was cut off have no places.
  const json = objectOf(line);
  if (!json) return [];
  const kind = json.type ?? json.method ?? "answer";
  return pathsOf(json).map((path) => `${kind} ${path}`);
}

function pathsOf(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(pathsOf).map((path) => `[]${path}`);
  if (typeof value !== "object" || value === null) return [""];
  return Object.entries(value).flatMap(([name, below]) =>
    FREE.includes(name) ? [`.${name}`] : pathsOf(below).map((path) => `.${name}${path}`),
  );
}
