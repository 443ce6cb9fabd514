import { createWriteStream, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { describe, expect } from "vitest";
import { trimLog } from "../../../src/runner/index.ts";
import { until } from "../../harness/until.ts";
import { it, type Room } from "./fixture.ts";

const numbered = (count: number) => Array.from({ length: count }, (_, at) => `line ${at}\n`).join("");
const marker = /^\[agentctl: (\d+) bytes of older output dropped\] *\n/;

function never(): never {
  throw new Error("stopped though the file system can cut");
}

/** Checks that the log has the marker with the right number, and then the end of what was written. */
function expectEndOf(written: string, log: string): void {
  const [line = "", dropped] = marker.exec(log) ?? [];
  const kept = log.slice(line.length);
  expect(kept).toBe(written.slice(written.length - kept.length));
  expect(Number(dropped) + kept.length).toBe(written.length);
}

describe("a log over its cap", () => {
  it("loses its oldest half, and says how many bytes", async ({ room }) => {
    const log = room.path("log");
    const written = numbered(50_000);
    writeFileSync(log, written);
    const cap = 200_000;
    const before = statSync(log).size;
    const dropped = await trimLog(log, cap, never, never);
    expect(statSync(log).size).toBe(before - dropped);
    expect(statSync(log).size).toBeLessThanOrEqual(cap);
    expect(statSync(log).size).toBeGreaterThan(cap / 3);
    expectEndOf(written, readFileSync(log, "utf8"));
  });

  it("counts the bytes that all trims together dropped", async ({ room }) => {
    const log = room.path("log");
    let written = "";
    for (let round = 0; round < 4; round++) {
      const more = numbered(20_000 + round);
      written += more;
      writeFileSync(log, more, { flag: "a" });
      await trimLog(log, 100_000, never, never);
      expectEndOf(written, readFileSync(log, "utf8"));
    }
  });

  it("is moved in place if the file system cannot cut, while its writers are stopped", async ({ room }) => {
    const log = room.path("log");
    const written = numbered(300);
    writeFileSync(log, written);
    const calls: string[] = [];
    // A cap of less than a block.
    const dropped = await trimLog(
      log,
      1000,
      () => void calls.push("stop"),
      () => void calls.push("cont"),
    );
    expect([calls, dropped, statSync(log).size]).toEqual([["stop", "cont"], written.length - 500, 500]);
    expectEndOf(written, readFileSync(log, "utf8"));
  });

  it("lets its writers continue if they could not be stopped", async ({ room }) => {
    const log = room.path("log");
    writeFileSync(log, numbered(300));
    let continued = 0;
    const stop = () => Promise.reject(new Error("no"));
    await expect(trimLog(log, 1000, stop, () => void continued++)).rejects.toThrow("no");
    expect([continued, readFileSync(log, "utf8")]).toEqual([1, numbered(300)]);
  });

  it("gets the marker even without a line end", async ({ room }) => {
    const log = room.path("log");
    writeFileSync(log, "x".repeat(1_000_000));
    await trimLog(log, 100_000, never, never);
    expectEndOf("x".repeat(1_000_000), readFileSync(log, "utf8"));
  });

  it("loses nothing that is written during a trim", async ({ room }) => {
    const running = await writer(room);
    const log = room.path(`${running.key}.log`);
    for (let round = 0; round < 5; round++) {
      await until(() => statSync(log).size > 300_000);
      await trimLog(log, 300_000, never, never);
      const [, ...lines] = readFileSync(log, "utf8").split("\n").slice(0, -1);
      const first = Number(lines[0]);
      expect(lines.findIndex((line, at) => line !== `${first + at}`)).toBe(-1);
    }
    await room.runner.terminate(running, { graceMs: 0 });
  });
});

function writer(room: Room) {
  return room.ready(": > ready; i=0; while :; do i=$((i+1)); echo $i; done");
}

describe("a log", () => {
  it("within its cap stays unchanged", async ({ room }) => {
    const log = room.path("log");
    writeFileSync(log, "x".repeat(1000));
    expect(await trimLog(log, 1000, never, never)).toBe(0);
    expect(readFileSync(log, "utf8")).toBe("x".repeat(1000));
  });

  it("of gigabytes is trimmed with little memory", async ({ room }) => {
    const log = room.path("log");
    writeFileSync(log, "");
    truncateSync(log, 4 * 1024 ** 3);
    await new Promise((resolve) =>
      createWriteStream(log, { flags: "a" }).end("the end\n", () => resolve(null)),
    );
    const before = process.memoryUsage().rss;
    await trimLog(log, 1024 ** 2, never, never);
    expect(process.memoryUsage().rss - before).toBeLessThan(50 * 1024 ** 2);
    expect(readFileSync(log, "utf8").endsWith("\0the end\n")).toBe(true);
  });
});
