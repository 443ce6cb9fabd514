import { createHash } from "node:crypto";
import { join } from "node:path";

/** What a service manager needs to know about a daemon. */
export interface Daemon {
  node: string;
  launcher: string;
  home: string;
  /** Whether `home` is where agentctl looks by default. */
  isDefaultHome: boolean;
}

/** A service for one manager: its file, and the commands that start and remove it. */
export interface Service {
  name: string;
  file: string;
  text: string;
  /** Succeeds if the manager is available and knows the file. */
  readyCommand: readonly string[];
  startCommands: readonly (readonly string[])[];
  stopCommands: readonly (readonly string[])[];
  /** The commands to run after its file was removed. */
  afterRemoval: readonly (readonly string[])[];
  hint: string | null;
}

interface User {
  userHome: string;
  configHome: string | undefined;
  uid: number;
}

/** Returns the service of a daemon on this platform, for one user; undefined if no manager is known. */
export function serviceFor(platform: NodeJS.Platform, daemon: Daemon, user: User): Service | undefined {
  // Each home except the default one has its own service.
  const hash = createHash("sha256").update(daemon.home).digest("hex").slice(0, 8);
  const name = daemon.isDefaultHome ? "agentctl" : `agentctl-${hash}`;
  if (platform === "linux") return systemd(name, daemon, user);
  if (platform === "darwin") return launchd(name, daemon, user);
  return undefined;
}

function systemd(name: string, { node, launcher, home }: Daemon, { userHome, configHome }: User): Service {
  const unit = `${name}.service`;
  const systemctl = ["systemctl", "--user"];
  const text = `[Unit]
Description=agentctl, the task runner for AI agents

[Service]
ExecStart=${[node, "--", launcher, "daemon", "run"].map((word) => quote(word).replaceAll("$", "$$$$")).join(" ")}
Environment=${quote(`AGENTCTL_HOME=${home}`)}
# The daemon pauses its tasks when it is stopped, and they live on when it dies: what is left is not to be killed.
KillMode=process
OOMPolicy=continue
TimeoutStopSec=90
Restart=on-failure

[Install]
WantedBy=default.target
`;
  return {
    name: unit,
    file: join(configHome || join(userHome, ".config"), "systemd/user", unit),
    text,
    readyCommand: [...systemctl, "daemon-reload"],
    startCommands: [[...systemctl, "enable", "--now", unit]],
    stopCommands: [[...systemctl, "disable", "--now", unit]],
    afterRemoval: [[...systemctl, "daemon-reload"]],
    hint: "loginctl enable-linger lets it run while you are not logged in",
  };
}

/** Quotes a word as in systemd.syntax(7); `%` begins a specifier. */
function quote(word: string): string {
  return `"${word.replace(/["\\]/g, "\\$&").replaceAll("%", "%%").replaceAll("\n", "\\n")}"`;
}

function launchd(name: string, { node, launcher, home }: Daemon, { userHome, uid }: User): Service {
  const label = `dev.agentctl.${name}`;
  const file = join(userHome, "Library/LaunchAgents", `${label}.plist`);
  const argumentLines = [node, "--", launcher, "daemon", "run"].map(
    (word) => `    <string>${escapeXml(word)}</string>`,
  );
  const text = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>Label</key><string>${label}</string>
  <key>ProgramArguments</key>
  <array>
${argumentLines.join("\n")}
  </array>
  <key>EnvironmentVariables</key>
  <dict><key>AGENTCTL_HOME</key><string>${escapeXml(home)}</string></dict>
  <key>RunAtLoad</key><true/>
  <key>KeepAlive</key>
  <dict><key>SuccessfulExit</key><false/></dict>
  <key>AbandonProcessGroup</key><true/>
</dict>
</plist>
`;
  return {
    name: label,
    file,
    text,
    readyCommand: ["launchctl", "print", `gui/${uid}`],
    startCommands: [["launchctl", "bootstrap", `gui/${uid}`, file]],
    stopCommands: [["launchctl", "bootout", `gui/${uid}/${label}`]],
    afterRemoval: [],
    hint: null,
  };
}

function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
