import { type Limit, type LimitName, type Limits, lower } from "../core/inherited.ts";
import { ownLimits } from "../home/limits.ts";

/** The flags of `ulimit` that every shell has, and how many bytes, seconds or pieces one of their units is. */
const byShell: Partial<Record<LimitName, [flag: string, unit: number]>> = {
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
export function limitScript(wanted: Limits): string[] {
  const own = ownLimits();
  const isRoot = process.geteuid?.() === 0;
  const lines: string[] = [];
  for (const [name, limit] of Object.entries(wanted) as [LimitName, Limit][]) {
    const has = own[name];
    const hard = isRoot || !has ? limit[1] : lower(limit[1], has[1]);
    const soft = lower(limit[0], hard);
    if (has && has[0] === soft && has[1] === hard) continue;
    lines.push(...linesFor(name, [soft, hard], has));
  }
  return lines;
}

function linesFor(name: LimitName, [soft, hard]: Limit, has: Limit | undefined): string[] {
  const known = byShell[name];
  const byProgram = `prlimit --pid "$agentctl_line" --${name}=${soft ?? "unlimited"}:${hard ?? "unlimited"}`;
  if (!known) return [`PATH=/usr/bin:/bin ${byProgram} 2>/dev/null`];
  const [flag, unit] = known;
  const isWhole = [soft, hard].every((value) => value === null || value % unit === 0);
  const set = (which: "S" | "H", value: number | null) =>
    `ulimit -${which}${flag} ${value === null ? "unlimited" : Math.floor(value / unit)} 2>/dev/null`;
  const byBuiltin = [
    // The soft limit must never exceed the hard one, so it is first set within the hard limit that it has.
    set("S", has ? lower(soft, has[1]) : soft),
    ...(has?.[1] === hard ? [] : [set("H", hard)]),
    set("S", soft),
  ];
  if (has?.[1] === hard && isWhole) return [set("S", soft)];
  if (isWhole) return byBuiltin;
  return [`PATH=/usr/bin:/bin ${byProgram} 2>/dev/null || { ${byBuiltin.join("; ")}; }`];
}
