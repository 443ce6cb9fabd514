/**
 * Fuzzes the protocol: sends the messages of `corpus/`, spoiled and in pieces, on connections that read, do not read,
 * or hang up. `AGENTCTL_SEED` repeats a run, `AGENTCTL_FUZZ_MS` sets its length. An `InternalError` response is a bug.
 */
import { readdirSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { expect } from "vitest";
import { type Home, it, residentBytes, until } from "../harness/index.ts";
import { Chance, seedOf } from "./chance.ts";
import { spoiledBytes, spoiledValues } from "./mutation.ts";

const LASTS_MS = Number(process.env.AGENTCTL_FUZZ_MS ?? 8_000);

const folder = join(import.meta.dirname, "corpus");
const corpus = readdirSync(folder)
  .sort()
  .map((name) => readFileSync(join(folder, name)));

/** Runs one hostile client. Resolves with what it received when it has hung up. */
async function client(home: Home, frames: Buffer[], chance: Chance): Promise<string> {
  const socket = connect(home.socket);
  let heard = "";
  socket.on("error", () => undefined);
  socket.setEncoding("utf8").on("data", (text: string) => {
    heard += text;
  });
  if (chance.next() < 0.2) socket.pause();
  const bytes = Buffer.concat(frames.flatMap((frame) => [frame, Buffer.from("\n")]));
  for (let at = 0; at < bytes.length; ) {
    const piece = chance.next() < 0.8 ? bytes.length : chance.within(1, 5_000);
    socket.write(bytes.subarray(at, at + piece));
    at += piece;
    await turn();
  }
  if (chance.next() < 0.8) socket.end();
  const closed = new Promise((resolve) => socket.once("close", resolve));
  await Promise.race([
    closed,
    home.rpc("daemon/status", {}, 5_000).then(() => home.rpc("queues/list", {}, 5_000)),
  ]);
  socket.destroy();
  return heard;
}

/** Returns every response that is a bug of agentctl, with what was sent on its connection. */
function bugsIn(heard: string, frames: Buffer[]): string[] {
  const bugs = heard.split("\n").filter((line) => line.includes('"code":-32603'));
  return bugs.map(
    (line) =>
      `${line.slice(0, 500)} to one of\n${frames.map((frame) => frame.toString().slice(0, 300)).join("\n")}`,
  );
}

it("the daemon stays up, serves others and stays consistent during a fuzz of the protocol", async ({
  home,
}) => {
  const chance = new Chance(seedOf("fuzz"));
  const spell = "echo $AGENTCTL_TOKEN > token; exec sleep 600";
  await home.run("sh", "-c", spell);
  const token = await until(() => readFileSync(home.file("token"), "utf8").trim());
  const known = corpus.map((frame) =>
    chance.next() < 0.7
      ? Buffer.from(frame.toString("latin1").replace('"token":"x"', `"token":"${token}"`), "latin1")
      : frame,
  );
  const pid = await home.daemonPid();
  const deadline = performance.now() + LASTS_MS;
  let sent = 0;
  let answers = 0;
  let slowest = 0;
  while (performance.now() < deadline) {
    const draw = (spoil: typeof spoiledBytes, most: number) =>
      Array.from({ length: chance.within(1, most) }, () => spoil(chance.oneOf(known) as Buffer, chance));
    const batches = [
      draw(spoiledValues, 60),
      draw(spoiledValues, 5),
      draw(spoiledBytes, 3),
      draw(spoiledBytes, 3),
    ];
    const at = performance.now();
    const clients = batches.map((frames) => client(home, frames, chance));
    await home.rpc("tasks/list", { limit: 1 }, 60_000);
    slowest = Math.max(slowest, performance.now() - at);
    for (const [n, heard] of (await Promise.all(clients)).entries()) {
      const frames = batches[n] as Buffer[];
      expect(bugsIn(heard, frames)).toEqual([]);
      sent += frames.length;
      answers += heard.split("\n").length - 1;
    }
  }
  process.stderr.write(
    `fuzz: ${sent} messages, ${answers} answers, the slowest other answer after ${Math.round(slowest)} ms\n`,
  );
  expect(await home.daemonPid()).toBe(pid);
  expect(slowest).toBeLessThan(30_000);
  expect(residentBytes(pid as number)).toBeLessThan(400 * 1024 * 1024);
  const log = readFileSync(join(home.dir, "daemon.log"), "utf8");
  expect(log.split("\n").filter((line) => line.includes('"level":50'))).toEqual([]);
  await home.rpc("tasks/list", {});
  const { code, stdout } = await home.cli("doctor");
  expect([code, stdout]).toEqual([0, expect.stringMatching(/^healthy/)]);
});
