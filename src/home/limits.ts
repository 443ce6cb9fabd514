import { readFileSync } from "node:fs";
import type { Limit, LimitName, Limits } from "../core/inherited.ts";

/** The names of the limits in /proc/<pid>/limits. */
const titles: Record<string, LimitName> = {
  "Max address space": "as",
  "Max core file size": "core",
  "Max cpu time": "cpu",
  "Max data size": "data",
  "Max file size": "fsize",
  "Max file locks": "locks",
  "Max locked memory": "memlock",
  "Max msgqueue size": "msgqueue",
  "Max nice priority": "nice",
  "Max open files": "nofile",
  "Max processes": "nproc",
  "Max resident set": "rss",
  "Max realtime priority": "rtprio",
  "Max realtime timeout": "rttime",
  "Max pending signals": "sigpending",
  "Max stack size": "stack",
};

/** Returns the resource limits of this process; empty if the system has no /proc. */
export function ownLimits(): Limits {
  try {
    return parseLimits(readFileSync("/proc/self/limits", "latin1"));
  } catch {
    return {};
  }
}

/** Parses the text of /proc/<pid>/limits. */
function parseLimits(text: string): Limits {
  const limits: Limits = {};
  for (const line of text.split("\n")) {
    const [, title = "", soft = "", hard = ""] = /^(Max .*?) {2,}(\S+) +(\S+)/.exec(line) ?? [];
    const name = titles[title];
    if (name) limits[name] = [amountOf(soft), amountOf(hard)] satisfies Limit;
  }
  return limits;
}

/** Returns the limit, or null for unlimited. A value too large for an exact number counts as unlimited. */
function amountOf(text: string): number | null {
  return /^\d+$/.test(text) && Number.isSafeInteger(Number(text)) ? Number(text) : null;
}
