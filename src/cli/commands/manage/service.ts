import { execFile } from "node:child_process";
import { existsSync, mkdirSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { dirname, isAbsolute, join } from "node:path";
import { connect } from "../../../client/connect.ts";
import { daemonFile } from "../../../client/start.ts";
import { stopDaemon } from "../../../client/stop.ts";
import { AgentctlError } from "../../../core/errors.ts";
import { account, ownUid } from "../../../home/account.ts";
import type { Context } from "../../command/context.ts";
import { command, flag } from "../../command/define.ts";
import { type Service, serviceFor } from "./service-unit.ts";

export const install = command({
  name: "install",
  summary: "have the daemon started with your session, by systemd or launchd",
  notes: "For your user alone, without root. A running daemon hands its tasks over, and they continue.",
  args: [],
  options: { print: flag("--print", "print the service's file, and change nothing") },
  examples: [
    ["daemon install", "the daemon runs from now on, and again after a crash or a reboot"],
    ["daemon install --print", "the file that the service manager would get"],
  ],
  isLocal: true,
  async run(context, _args, { print }) {
    const service = serviceOf(context);
    const { out } = context;
    if (print) {
      out.line(service.text.trimEnd());
      return 0;
    }
    mkdirSync(dirname(service.file), { recursive: true });
    writeFileSync(service.file, service.text, { mode: 0o644 });
    const problem = (await runCommand(service.readyCommand)) ?? (await takeOver(context, service));
    if (out.json) out.data({ name: service.name, file: service.file, isActive: problem === undefined });
    else reportInstalled(context, service, problem);
    return problem === undefined ? 0 : 1;
  },
});

export const uninstall = command({
  name: "uninstall",
  summary: "take the service away again; its daemon pauses every running task, and ends",
  args: [],
  options: {},
  examples: [["daemon uninstall", "the next command that needs a daemon starts one and resumes the tasks"]],
  isLocal: true,
  async run(context) {
    const { out, paths } = context;
    const service = serviceOf(context);
    const changed = existsSync(service.file);
    if (changed) {
      for (const argv of service.stopCommands) await runOrNote(context, argv);
      rmSync(service.file, { force: true });
      for (const argv of service.afterRemoval) await runOrNote(context, argv);
    }
    if (out.json) out.data({ name: service.name, file: service.file, changed });
    else if (changed) out.line(`service ${service.name} removed`);
    else out.note(`no service is installed for ${paths.home}`);
    return 0;
  },
});

function serviceOf({ env, paths }: Context): Service {
  const userHome = env.HOME || account().home;
  const launcher = join(dirname(daemonFile), "../bin/agentctl.js");
  const isDefaultHome = paths.home === join(userHome, ".agentctl");
  const daemon = {
    node: stablePath("node", process.execPath, env),
    launcher: stablePath("agentctl", launcher, env),
    home: paths.home,
    isDefaultHome,
  };
  const user = { userHome, configHome: env.XDG_CONFIG_HOME, uid: ownUid() };
  const service = serviceFor(process.platform, daemon, user);
  if (service) return service;
  throw new AgentctlError("UnsupportedOperation", {
    reason: `there is no service manager known for ${process.platform}`,
  });
}

/** Folders of links that do not last: fnm creates one for each shell, and deletes it. */
const TEMPORARY_FOLDERS = /^\/run\/|\/fnm_multishells\//;

/**
 * Returns the link on the PATH that leads to this file, or the file itself. An upgrade, for example by brew, moves the
 * file to another folder and updates the link, and the service must still start then.
 */
function stablePath(name: string, file: string, { PATH = "", XDG_RUNTIME_DIR }: Context["env"]): string {
  const links = PATH.split(":")
    .filter(isAbsolute)
    .map((folder) => join(folder, name));
  const isLinkToFile = (link: string) => existsSync(link) && realpathSync(link) === realpathSync(file);
  const isTemporary = (link: string) =>
    TEMPORARY_FOLDERS.test(link) || (XDG_RUNTIME_DIR !== undefined && link.startsWith(`${XDG_RUNTIME_DIR}/`));
  return links.find((link) => isLinkToFile(link) && !isTemporary(link)) ?? file;
}

/** Stops a daemon that a command started, and starts the service. If that fails, starts a daemon and returns why. */
async function takeOver(context: Context, service: Service): Promise<string | undefined> {
  const { paths, env } = context;
  const stopped = await stopDaemon(paths, { keep: true });
  for (const argv of service.startCommands) {
    const problem = await runCommand(argv);
    if (problem === undefined) continue;
    if (stopped) (await connect({ paths, env, start: "always" })).close();
    return problem;
  }
  return undefined;
}

function reportInstalled({ out }: Context, service: Service, problem: string | undefined): void {
  out.line(`service ${service.name} written to ${service.file}`);
  if (problem === undefined) {
    out.line("it runs now, and is started with your session");
    if (service.hint) out.note(service.hint);
    return;
  }
  out.note(`it was not started: ${problem}`);
  out.note(
    `in a session of yours: ${[service.readyCommand, ...service.startCommands].map((argv) => argv.join(" ")).join(" && ")}`,
  );
}

async function runOrNote({ out }: Context, argv: readonly string[]): Promise<void> {
  const problem = await runCommand(argv);
  if (problem !== undefined) out.note(problem);
}

/** Runs a command; returns why it failed, or undefined if it succeeded. */
function runCommand([program = "", ...args]: readonly string[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    execFile(program, args, (error, _stdout, stderr) => {
      if (!error) resolve(undefined);
      else if (error.code === "ENOENT") resolve(`there is no ${program} here`);
      else resolve(stderr.trim().split("\n").at(-1) || error.message);
    });
  });
}
