/**
 * Real coding agents against a model on loopback, if they are on the PATH. They get an empty home, made-up keys and a
 * git repository as their directory.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "vitest";
import { type Home, isOnPath } from "../harness/index.ts";
import { startModel } from "../mock-model/server.mjs";

/** A key that may appear only in the files that keep the environment of a task. */
export const KEY = "key-0123456789-made-up";

/** The variables that make an agent talk to the model at `url` and avoid the network. */
function environment(agent: string, url: string): Record<string, string> {
  if (agent === "claude")
    return {
      ANTHROPIC_BASE_URL: url,
      // As a subscription, which reports when a limit ends. With an API key the agent would retry by itself.
      CLAUDE_CODE_OAUTH_TOKEN: KEY,
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
      DISABLE_AUTOUPDATER: "1",
    };
  if (agent === "codex") return { MOCK_KEY: KEY };
  if (agent === "gemini") return { GEMINI_API_KEY: KEY, GOOGLE_GEMINI_BASE_URL: url };
  const provider = {
    npm: "@ai-sdk/openai-compatible",
    options: { baseURL: `${url}/v1`, apiKey: "{env:MOCK_KEY}" },
    models: {
      "mock-model": { name: "mock-model", tool_call: true, limit: { context: 100_000, output: 8000 } },
    },
  };
  const config = {
    provider: { mock: provider },
    model: "mock/mock-model",
    small_model: "mock/mock-model",
    permission: { bash: "ask" },
  };
  const quiet = ["AUTOUPDATE", "MODELS_FETCH", "LSP_DOWNLOAD", "DEFAULT_PLUGINS"];
  return {
    ...Object.fromEntries(quiet.map((name) => [`OPENCODE_DISABLE_${name}`, "1"])),
    OPENCODE_CONFIG_CONTENT: JSON.stringify(config),
    MOCK_KEY: KEY,
  };
}

function settings(user: string, agent: string, url: string): void {
  if (agent === "codex") {
    mkdirSync(join(user, ".codex"), { recursive: true });
    const lines = [
      'model = "gpt-5-codex"',
      'model_provider = "mock"',
      "[model_providers.mock]",
      'name = "mock"',
      `base_url = "${url}/v1"`,
      'wire_api = "responses"',
      'env_key = "MOCK_KEY"',
    ];
    writeFileSync(join(user, ".codex/config.toml"), lines.join("\n"));
  }
  if (agent === "gemini") {
    mkdirSync(join(user, ".gemini"), { recursive: true });
    const given = {
      privacy: { usageStatisticsEnabled: false },
      general: { enableAutoUpdate: false },
      security: { auth: { selectedType: "gemini-api-key" } },
    };
    writeFileSync(join(user, ".gemini/settings.json"), JSON.stringify(given));
  }
}

/** Skips the test unless real agents are requested and this one is installed. */
export function needsReal(skip: TestContext["skip"], agent: string): void {
  skip(process.env.AGENTCTL_REAL_AGENTS !== "1", "needs AGENTCTL_REAL_AGENTS=1");
  skip(!isOnPath(agent), `needs ${agent}`);
}

export interface RealAgent {
  env: Record<string, string>;
  requests: string[];
  close(): void;
}

/** Starts a model, and prepares a home whose agent talks to it. `requests` gets a line for each request. */
export async function realAgent(home: Home, agent: string): Promise<RealAgent> {
  const requests: string[] = [];
  const { url, close } = await startModel((line: string) => requests.push(line));
  execFileSync("git", ["init", "-q"], { cwd: home.work });
  // Not the task's directory, of which opencode takes a snapshot at each step.
  const user = join(home.root, "user");
  home.env.HOME = user;
  mkdirSync(user);
  settings(user, agent, url);
  return { env: environment(agent, url), requests, close };
}

/** Lists the files in the folder that contain the text. */
export function filesWith(folder: string, text: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return filesWith(path, text);
    return entry.isFile() && readFileSync(path).includes(text) ? [path] : [];
  });
}
