import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { asAgentctlError } from "../../../core/errors.ts";
import { settingNamed } from "../../../core/settings.ts";
import { readConfig } from "../../../home/config-file.ts";
import { makeHome } from "../../../home/own-home.ts";
import type { Context } from "../../command/context.ts";
import { command, flag } from "../../command/define.ts";
import { callDaemon } from "../../command/session.ts";
import { applySetting } from "../manage/config.ts";

const DEFAULT_ADDRESS = "127.0.0.1:4263";
/** How long the opener may take to fail, in ms. */
const OPENER_MS = 5_000;

export const ui = command({
  name: "ui",
  summary: "open the dashboard in a browser",
  notes:
    "If http.listen is off, this sets it to 127.0.0.1:4263, or to another port if that one is taken. The printed address works once, for one browser, within a minute.",
  args: [],
  options: { print: flag("--print", "print the address and open nothing") },
  examples: [
    ["ui", "the dashboard of this home"],
    ["ui --print", "an address for a browser of your choice; it works once"],
  ],
  isLocal: true,
  async run(context, _args, { print }) {
    const { out, paths } = context;
    makeHome(paths);
    if ((readConfig(paths.config).httpListen ?? "off") === "off") await enableHttp(context);
    const { url } = await callDaemon(context, "daemon/ui", {});
    if (out.json) out.data({ url });
    else if (print) out.line(url);
    else if (await openInBrowser(url, context)) out.note("opened in the browser");
    else {
      out.line(url);
      out.note("no browser could be started: open this address, within a minute");
    }
    return 0;
  },
});

/** Makes the daemon serve HTTP from now on. */
async function enableHttp(context: Context): Promise<void> {
  const setting = settingNamed("http.listen");
  if (!setting) return;
  try {
    await applySetting(context, setting, DEFAULT_ADDRESS);
  } catch (error) {
    if (asAgentctlError(error).name !== "ConfigInvalid") throw error;
    // Another home, or another program, uses the default port.
    await applySetting(context, setting, `127.0.0.1:${await freePort()}`);
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => resolve());
  });
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/**
 * Returns whether the system's opener accepted the address. Others can see the code in it until it is used. Some openers
 * run as long as the browser, so one that does not fail soon has accepted it.
 */
async function openInBrowser(url: string, { env }: Context): Promise<boolean> {
  const opener = process.platform === "darwin" ? "open" : "xdg-open";
  const child = spawn(opener, [url], { env, stdio: "ignore", detached: true });
  return await new Promise((resolve) => {
    const settle = (isAccepted: boolean) => {
      clearTimeout(timer);
      child.unref();
      resolve(isAccepted);
    };
    const timer = setTimeout(settle, OPENER_MS, true);
    child.once("error", () => settle(false));
    child.once("exit", (code) => settle(code === 0));
  });
}
