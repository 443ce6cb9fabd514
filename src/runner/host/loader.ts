import { existsSync } from "node:fs";
import Module, { register } from "node:module";
import { isAbsolute } from "node:path";
import { fileURLToPath } from "node:url";
import { register as registerCommonJs } from "tsx/cjs/api";
import { register as registerEsm } from "tsx/esm/api";
import { loadedDespiteQuestionMark, resolvedDespiteBackslash } from "./odd-path.ts";
import { OWN_NAME, ownPackage, type Resolved, withFormat } from "./resolution.ts";

/** Not in the types of the oldest Node that is supported. */
interface Internals {
  registerHooks?: (hooks: {
    resolve: (
      specifier: string,
      context: { conditions: string[]; parentURL?: string },
      next: (specifier: string, context: object) => Resolved,
    ) => Resolved;
    load: (
      url: string,
      context: { format?: string | null },
      next: (url: string, context: object) => object,
    ) => object;
  }) => void;
  _resolveFilename: (request: string, ...rest: unknown[]) => string;
  _cache: Record<string, Module>;
}

const internals = Module as unknown as Internals;

/**
 * Makes this process load task modules: TypeScript without a build, and `agentctl` as the SDK at `sdkUrl`, one instance
 * for `import` and `require`. No tsconfig.json is read: whatever stands there is for the user's own tools.
 */
export async function prepareLoader(sdkUrl: string): Promise<void> {
  registerCommonJs();
  registerEsm({ tsconfig: false });
  // Later hooks are asked first, so these stand before those of tsx.
  if (internals.registerHooks) {
    internals.registerHooks({
      resolve(specifier, context, next) {
        const own = ownPackage(specifier, sdkUrl);
        if (own) return own;
        const isRequired = context.conditions.includes("require");
        const found = isRequired ? undefined : resolvedDespiteBackslash(specifier, context.parentURL);
        const resolved = found ?? next(specifier, context);
        return isRequired ? resolved : withFormat(resolved);
      },
      load: (url, context, next) => loadedDespiteQuestionMark(url, context.format) ?? next(url, context),
    });
  } else {
    register(new URL("./host-hooks.mjs", import.meta.url), { data: { sdkUrl } });
  }
  await prepareRequire(sdkUrl);
}

/** `require("agentctl")` gives what was imported, so that there is one instance. */
async function prepareRequire(sdkUrl: string): Promise<void> {
  const path = fileURLToPath(sdkUrl);
  const sdk = new Module(path);
  sdk.exports = { ...(await import(sdkUrl)) };
  sdk.filename = path;
  sdk.loaded = true;
  internals._cache[path] = sdk;
  const resolveFilename = internals._resolveFilename;
  internals._resolveFilename = function (this: unknown, request, ...rest) {
    if (request === OWN_NAME) return path;
    if (isWhole(request)) return request;
    return resolveFilename.call(this, request, ...rest);
  };
}

/** A file by its path, of which tsx would take a question mark for the beginning of something else. */
function isWhole(request: string): boolean {
  return request.includes("?") && isAbsolute(request) && existsSync(request);
}
