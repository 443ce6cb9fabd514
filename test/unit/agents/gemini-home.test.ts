/** The home in which Gemini CLI runs, and the files that it leaves in the user's home. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { dropEmptyFiles, geminiHome } from "../../../src/agents/gemini/home.ts";

const session = "0a1b2c3d-0000-4000-8000-000000000000";
const meta = (id: string) => `${JSON.stringify({ sessionId: id, startTime: "…" })}\n`;
const message = `${JSON.stringify({ id: "1", type: "user", content: "do it" })}\n`;

function user(): { HOME: string; chats: string } {
  const HOME = mkdtempSync(join(tmpdir(), "ac-gemini-"));
  onTestFinished(() => rmSync(HOME, { recursive: true }));
  const chats = join(HOME, ".gemini/tmp/project/chats");
  mkdirSync(chats, { recursive: true });
  return { HOME, chats };
}

test("removes the second file of a session if it has no message, and no other file", () => {
  const { HOME, chats } = user();
  const files = {
    "session-2026-01-01T10-00-0a1b2c3d.jsonl": meta(session) + message,
    "session-2026-01-01T10-05-0a1b2c3d.jsonl": meta(session),
    "session-2026-01-01T10-06-0a1b2c3d.jsonl": meta("0a1b2c3d-another"),
    "session-2026-01-01T10-07-ffffffff.jsonl": meta("ffffffff-another"),
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(chats, name), text);
  dropEmptyFiles({ HOME }, session);
  const [first, second, ...others] = Object.keys(files);
  expect(readdirSync(chats).sort()).toEqual([first, ...others]);
  // The only file of a session stays, even without a message.
  rmSync(join(chats, first as string));
  writeFileSync(join(chats, second as string), meta(session));
  rmSync(join(chats, others[0] as string));
  dropEmptyFiles({ HOME }, session);
  expect(readdirSync(chats)).toContain(second);
});

test("keeps the user's settings, and adds those that prevent the deletion of sessions", () => {
  const { HOME } = user();
  const given = { general: { vimMode: true }, hooks: { BeforeTool: [{ matcher: "x" }] } };
  writeFileSync(join(HOME, ".gemini/settings.json"), JSON.stringify(given));
  const settings = (hook: string | null) =>
    JSON.parse(readFileSync(join(geminiHome(HOME, { HOME }, hook), ".gemini/settings.json"), "utf8"));
  const general = { vimMode: true, enableAutoUpdate: false, sessionRetention: { enabled: false } };
  expect(settings(null)).toEqual({ ...given, general });
  expect(settings("hook").hooks.BeforeTool).toHaveLength(2);
});
