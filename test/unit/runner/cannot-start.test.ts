import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { describe, expect } from "vitest";
import { cannotStart } from "../../../src/runner/cannot-start.ts";
import { it, type Room } from "./fixture.ts";

function furnish(room: Room): void {
  mkdirSync(room.path("bin/folder"), { recursive: true });
  mkdirSync(room.path("first/prog"), { recursive: true });
  const files = { prog: 0o755, data: 0o644, "bin/tool": 0o755, "bin/data": 0o644, "bin/orphan": 0o755 };
  for (const [name, mode] of Object.entries(files)) {
    writeFileSync(
      room.path(name),
      name === "bin/orphan" ? "#!/no/such/interpreter -x\n" : "#!/bin/sh\nexit 0\n",
    );
    chmodSync(room.path(name), mode);
  }
}

const table: [program: string, path: string, refusal: [code: number, why: string] | undefined][] = [
  ["tool", "bin", undefined],
  ["tool", "first:bin", undefined],
  ["prog", "first:", undefined],
  ["./prog", "bin", undefined],
  ["bin/tool", "", undefined],
  ["sh", "/bin", undefined],
  ["nope", "bin", [127, "cannot start nope: it was not found on the PATH"]],
  ["./nope", "bin", [127, "cannot start ./nope: it was not found in <dir>"]],
  ["prog/nope", "bin", [127, "cannot start prog/nope: it was not found in <dir>"]],
  ["/no/nope", "bin", [127, "cannot start /no/nope: it was not found"]],
  ["data", "bin", [126, "cannot start data: it is not executable"]],
  ["./data", "bin", [126, "cannot start ./data: it is not executable"]],
  ["./bin", "bin", [126, "cannot start ./bin: it is a directory"]],
  ["folder", "bin", [126, "cannot start folder: it is a directory"]],
  ["orphan", "bin", [127, "cannot start orphan: its interpreter /no/such/interpreter was not found"]],
];

describe("a program is looked up as execvp does", () => {
  it.for(table)("%j with PATH %j: %j", async ([program, path, refusal], { room }) => {
    furnish(room);
    const expected = refusal && {
      exitCode: refusal[0],
      cause: "program",
      message: refusal[1].replace("<dir>", room.dir),
    };
    const { hint: _, ...found } = cannotStart([program], room.dir, { PATH: path }) ?? {};
    expect(found).toEqual(expected ?? {});
    // If the start fails, shells differ in the exit code.
    const { ended } = await room.run([program], { PATH: path });
    expect(refusal ? [126, 127] : [0]).toContain(ended.exitCode);
  });

  it("a file that is not executable gets the command that makes it so", ({ room }) => {
    furnish(room);
    const hintFor = (program: string) => cannotStart([program], room.dir, { PATH: room.path("bin") })?.hint;
    expect(hintFor("./data")).toBe("chmod +x ./data makes it executable");
    expect(hintFor("data")).toBe(`chmod +x ${room.path("bin/data")} makes it executable`);
    expect(hintFor("nope")).toBeUndefined();
  });

  it("the error for a script with DOS line ends names them", ({ room }) => {
    const refusalOf = (text: string) => {
      writeFileSync(room.path("dos"), text, { mode: 0o755 });
      return cannotStart(["./dos"], room.dir, { PATH: "/bin" });
    };
    const refusal = {
      exitCode: 127,
      cause: "script",
      message: expect.stringMatching(/^cannot start \.\/dos: its first line ends with CRLF/),
    };
    expect(refusalOf("#!/bin/sh\r\nexit 0\r\n")).toEqual(refusal);
    expect(refusalOf("#!/usr/bin/env bash\r\nexit 0\r\n")).toEqual(refusal);
    expect(refusalOf("#!/bin/sh -e\nexit 0\n")).toBeUndefined();
  });

  it("a program without a name fails with 127", ({ room }) => {
    const refusal = { exitCode: 127, cause: "program", message: "cannot start a program without a name" };
    expect(cannotStart([""], room.dir, { PATH: "/bin" })).toEqual(refusal);
    expect(cannotStart([], room.dir, { PATH: "/bin" })).toEqual(refusal);
  });

  it("a working directory that cannot be entered fails with 126", ({ room }) => {
    furnish(room);
    const refusalIn = (name: string) => cannotStart(["sh"], room.path(name), { PATH: "/bin" });
    expect(refusalIn("gone")).toEqual({
      exitCode: 126,
      cause: "cwd",
      message: `cannot start sh: its working directory ${room.path("gone")} does not exist`,
    });
    expect(refusalIn("data")).toEqual({
      exitCode: 126,
      cause: "cwd",
      message: `cannot start sh: its working directory ${room.path("data")} is not a directory`,
    });
  });
});
