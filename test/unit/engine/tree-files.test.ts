import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { allocatedBytes, removeTree } from "../../../src/engine/files/tree-files.ts";

let root = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "files-"));
  mkdirSync(join(root, "task"));
  writeFileSync(join(root, "outside"), Buffer.alloc(1024 * 1024, 1));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

test("allocatedBytes counts allocated blocks and follows no links, even circular ones", async () => {
  const task = join(root, "task");
  for (const name of ["a", "b"]) symlinkSync(".", join(task, name));
  symlinkSync("../outside", join(task, "large"));
  writeFileSync(join(task, "sparse"), "");
  truncateSync(join(task, "sparse"), 6 * 1024 ** 3);
  mkdirSync(join(task, "sub"));
  writeFileSync(join(task, "sub/file"), Buffer.alloc(100_000, 1));
  const bytes = await allocatedBytes([task, join(root, "not there")]);
  expect(bytes).toBeGreaterThanOrEqual(100_000);
  expect(bytes).toBeLessThan(1_000_000);
});

test("removeTree deletes read-only folders and links, but not the targets of links", async () => {
  const task = join(root, "task");
  mkdirSync(join(task, "mod/pkg"), { recursive: true });
  writeFileSync(join(task, "mod/pkg/f"), "x");
  symlinkSync("../outside", join(task, "mod/link"));
  chmodSync(join(task, "mod/pkg"), 0o555);
  chmodSync(join(task, "mod"), 0o500);
  await removeTree(task);
  await removeTree(task);
  expect([existsSync(task), existsSync(join(root, "outside"))]).toEqual([false, true]);
});

test("removeTree does not block the event loop while it deletes thousands of files", async () => {
  const task = join(root, "task");
  for (let n = 0; n < 5000; n++) writeFileSync(join(task, `f${n}`), "");
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  await removeTree(task);
  clearInterval(timer);
  expect(turns).toBeGreaterThan(10);
});
