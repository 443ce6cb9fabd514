/** `agentctl ui` starts the browser with the opener of the system. Here a script takes the place of the opener. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect } from "vitest";
import { type Home, isAlive, it, until } from "../harness/index.ts";

const opener = process.platform === "darwin" ? "open" : "xdg-open";

/** Makes the lines of shell the opener of the system. */
function openWith(home: Home, lines: string): void {
  mkdirSync(home.file("bin"), { recursive: true });
  home.script(lines, `bin/${opener}`);
  home.env.PATH = `${home.file("bin")}:${home.env.PATH}`;
}

it("prints the address if no browser can be started", async ({ home }) => {
  openWith(home, "exit 3");
  const failed = await home.cli("ui");
  expect(failed.code).toBe(0);
  expect(failed.stdout).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/login\/\S+\n$/);
  expect(failed.stderr).toContain("no browser could be started");
  expect((await fetch(failed.stdout.trim(), { redirect: "manual" })).status).toBe(303);
});

it("reports an opened browser, even if the opener runs as long as the browser", async ({ home }) => {
  openWith(home, "exit 0");
  const opened = await home.cli("ui");
  expect(opened).toEqual({ code: 0, stdout: "", stderr: "opened in the browser\n" });
  openWith(home, 'echo $$ > "$0.pid"; while [ ! -e "$0.end" ]; do sleep 0.05; done');
  expect(await home.cli("ui")).toEqual(opened);
  const script = home.file(`bin/${opener}`);
  const pid = Number(readFileSync(`${script}.pid`, "utf8"));
  expect(isAlive(pid)).toBe(true);
  writeFileSync(`${script}.end`, "");
  await until(() => !isAlive(pid));
});

it("listens again at an address that another program had", async ({ home }) => {
  const other = createServer().listen(0, "127.0.0.1");
  await until(() => other.listening);
  const { port } = other.address() as AddressInfo;
  const address = `127.0.0.1:${port}`;
  await home.cli("daemon", "start");
  await home.cli("daemon", "stop");
  writeFileSync(`${home.dir}/config.json`, JSON.stringify({ "http.listen": address }));
  const refused = await home.cli("ui", "--print");
  expect([refused.code, refused.stderr]).toEqual([4, expect.stringContaining("another program has")]);
  await new Promise((resolve) => other.close(resolve));
  const { stdout } = await home.cli("ui", "--print");
  expect(stdout).toContain(`http://${address}/login/`);
  expect((await home.json("daemon", "status")).http).toMatchObject({
    url: `http://${address}/`,
    error: null,
  });
});
