import { join } from "node:path";
import { AgentctlError } from "../../core/errors.ts";
import type { Ports } from "../ports.ts";

/** Returns the path of a bundle; throws if the text cannot be the name of one. */
export function bundlePath({ places }: Pick<Ports, "places">, bundle: string): string {
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(bundle))
    return join(places.bundles, `${bundle}.bundle`);
  throw noBundle(bundle);
}

/** Returns the error for a bundle that does not exist. */
export function noBundle(bundle: string): AgentctlError {
  const reason = `there is no bundle ${bundle.slice(0, 64)}`;
  return new AgentctlError("InvalidParams", { field: "bundle", reason });
}
