import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { it } from "../harness/index.ts";

it("applies a manual edit with config reload, reports the changes and refuses an unknown setting", async ({
  home,
}) => {
  await home.cli("daemon", "start");
  const file = join(home.dir, "config.json");
  writeFileSync(file, '{"checkpoint.maxBytes": "2KiB"}');
  expect(await home.cli("config", "reload")).toMatchObject({
    code: 0,
    stdout: "checkpoint.maxBytes is 2KiB\n",
  });
  expect(await home.json("config", "reload")).toEqual({ ok: true, applied: true, changed: [] });
  const id = await home.run("sh", "-c", "head -c 3000 /dev/zero | tr '\\0' x | agentctl checkpoint save");
  await home.reaches(id, "failed");
  expect((await home.cli("logs", `${id}`)).stdout).toContain("2048");
  writeFileSync(file, '{"checkpoint.maxbites": 1}');
  const refused = await home.cli("config", "reload");
  expect([refused.code, refused.stderr]).toEqual([
    2,
    expect.stringContaining('no setting "checkpoint.maxbites"'),
  ]);
});

it("shows each setting with its unit, its default and its origin", async ({ home }) => {
  await home.cli("config", "set", "pause.grace", "90s");
  const all = await home.json("config", "list");
  const found = Object.fromEntries(all.map((each: { name: string }) => [each.name, each]));
  expect(found["pause.grace"]).toMatchObject({
    value: 90_000,
    text: "90s",
    unit: "duration",
    default: 60_000,
    origin: join(home.dir, "config.json"),
  });
  expect(found["log.maxBytes"]).toMatchObject({ unit: "bytes", origin: "default" });
});
