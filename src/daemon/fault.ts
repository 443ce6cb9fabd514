import { writeSync } from "node:fs";
import { AgentctlError } from "../core/errors.ts";
import { type Fault, faultPoints } from "../core/faults.ts";

/**
 * Returns a function that kills this process at the point that `wanted` names, as a crash would. `wanted` is `<point>`,
 * or `<point>@<n>` for the nth time the point is reached. Throws for an unknown point, because a test that waits for it
 * would prove nothing.
 */
export function faultAt(wanted: string | undefined): Fault {
  if (!wanted) return () => {};
  const [, name = wanted, times = "1"] = /^(.*?)(?:@(\d+))?$/.exec(wanted) ?? [];
  if (!faultPoints.has(name) || Number(times) < 1) throw unknown(wanted, name);
  let left = Number(times);
  return (point) => {
    if (point !== name || --left > 0) return;
    writeSync(2, `fault ${point}\n`);
    process.kill(process.pid, "SIGKILL");
  };
}

function unknown(wanted: string, name: string): AgentctlError {
  const family = name.split(":")[0];
  const alike = [...faultPoints.keys()].filter((point) => point.startsWith(`${family}:`));
  const known = alike.length > 0 ? alike.join(", ") : "listed in src/core/faults.ts";
  const reason = `${JSON.stringify(wanted)} is no <point> or <point>@<n>; points are ${known}`;
  return new AgentctlError("InvalidParams", { field: "AGENTCTL_FAULT", reason });
}
