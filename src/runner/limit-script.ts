import { type Limit, type LimitName, type Limits, lower } from "../core/inherited.ts";
import { ownLimits } from "../home/limits.ts";

/** What `ulimit` calls them, and how many bytes or pieces one of its units is, where every shell has it. */
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
 * The lines by which a shell takes on these limits, behind which it starts nothing of its own. Only what differs from
 * the limits of this process, from which the shell has its own, takes a line. A hard limit is raised where the system
 * allows it to this user, and a soft limit as far as the hard one.
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
    // No soft limit may be above the hard one on the way, and none is above what it may be raised to.
    set("S", has ? lower(soft, has[1]) : soft),
    ...(has?.[1] === hard ? [] : [set("H", hard)]),
    set("S", soft),
  ];
  if (has?.[1] === hard && isWhole) return [set("S", soft)];
  if (isWhole) return byBuiltin;
  return [`PATH=/usr/bin:/bin ${byProgram} 2>/dev/null || { ${byBuiltin.join("; ")}; }`];
}
