import { writeSync } from "node:fs";
import { AgentctlError } from "../core/errors.ts";
import { type Fault, faultPoints } from "../core/faults.ts";

/**
 * Returns a function that kills this process at the point that `spec` names, as a crash would. `spec` is `<point>`,
 * or `<point>@<n>` for the nth time the point is reached. Throws for an unknown point, because a test that waits for it
 * would prove nothing.
 */
export function faultAt(spec: string | undefined): Fault {
  if (!spec) return () => {};
  const [, name = spec, times = "1"] = /^(.*?)(?:@(\d+))?$/.exec(spec) ?? [];
  if (!faultPoints.has(name) || Number(times) < 1) throw unknownPoint(spec, name);
  let remaining = Number(times);
  return (point) => {
    if (point !== name || --remaining > 0) return;
    writeSync(2, `fault ${point}\n`);
    process.kill(process.pid, "SIGKILL");
  };
}

function unknownPoint(spec: string, name: string): AgentctlError {
  const family = name.split(":")[0];
  const similar = [...faultPoints.keys()].filter((point) => point.startsWith(`${family}:`));
  const choices = similar.length > 0 ? similar.join(", ") : "listed in src/core/faults.ts";
  const reason = `${JSON.stringify(spec)} is no <point> or <point>@<n>; points are ${choices}`;
  return new AgentctlError("InvalidParams", { field: "AGENTCTL_FAULT", reason });
}
