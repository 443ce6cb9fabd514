import { type Limit, type LimitName, type Limits, lower } from "../core/inherited.ts";
import { ownLimits } from "../home/limits.ts";

/** The flags of `ulimit` that every shell has, and how many bytes, seconds or pieces one of their units is. */
const shellFlags: Partial<Record<LimitName, [flag: string, unit: number]>> = {
  as: ["v", 1024],
  core: ["c", 512],
  cpu: ["t", 1],
  data: ["d", 1024],
  fsize: ["f", 512],
  memlock: ["l", 1024],
  nofile: ["n", 1],
  stack: ["s", 1024],
};

/**
 * Returns the lines by which a shell sets these limits. After them, it must start no process of its own. Only a limit
 * that differs from that of this process needs a line, because the shell inherits the limits. A hard limit is raised if
 * the system allows this user to do so, and a soft limit at most up to the hard one.
 */
export function limitScript(limits: Limits): string[] {
  const currentLimits = ownLimits();
  const isRoot = process.geteuid?.() === 0;
  const lines: string[] = [];
  for (const [name, limit] of Object.entries(limits) as [LimitName, Limit][]) {
    const current = currentLimits[name];
    const hard = isRoot || !current ? limit[1] : lower(limit[1], current[1]);
    const soft = lower(limit[0], hard);
    if (current && current[0] === soft && current[1] === hard) continue;
    lines.push(...linesOf(name, [soft, hard], current));
  }
  return lines;
}

function linesOf(name: LimitName, [soft, hard]: Limit, current: Limit | undefined): string[] {
  const shellUnit = shellFlags[name];
  const prlimitCommand = `prlimit --pid "$agentctl_line" --${name}=${soft ?? "unlimited"}:${hard ?? "unlimited"}`;
  if (!shellUnit) return [`PATH=/usr/bin:/bin ${prlimitCommand} 2>/dev/null`];
  const [flag, unit] = shellUnit;
  const isWhole = [soft, hard].every((value) => value === null || value % unit === 0);
  const ulimitCommand = (kind: "S" | "H", value: number | null) =>
    `ulimit -${kind}${flag} ${value === null ? "unlimited" : Math.floor(value / unit)} 2>/dev/null`;
  const ulimitCommands = [
    // The soft limit must never exceed the hard one, so it is first set within the hard limit that it has.
    ulimitCommand("S", current ? lower(soft, current[1]) : soft),
    ...(current?.[1] === hard ? [] : [ulimitCommand("H", hard)]),
    ulimitCommand("S", soft),
  ];
  if (current?.[1] === hard && isWhole) return [ulimitCommand("S", soft)];
  if (isWhole) return ulimitCommands;
  return [`PATH=/usr/bin:/bin ${prlimitCommand} 2>/dev/null || { ${ulimitCommands.join("; ")}; }`];
}
