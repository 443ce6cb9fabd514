import { existsSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { it } from "../harness/index.ts";
import { taskModule } from "./story.ts";

it("leaves nothing of a module in a temporary folder that others can read or make first", async ({
  home,
}) => {
  const secret = `secret ${home.root}`;
  const id = await home.run(home.module(taskModule(`return ${JSON.stringify(secret)} as string;`)));
  expect((await home.reaches(id, "completed")).result).toBe(secret);
  const folders = readdirSync(tmpdir()).filter((name) => name.startsWith("tsx-"));
  const files = folders.flatMap((name) =>
    readdirSync(join(tmpdir(), name)).map((file) => join(tmpdir(), name, file)),
  );
  expect(files.filter((file) => existsSync(file) && readFileSync(file, "utf8").includes(secret))).toEqual([]);
}, 30_000);
