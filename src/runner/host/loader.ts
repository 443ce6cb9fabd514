import { existsSync } from "node:fs";
import Module, { createRequire, isBuiltin, register } from "node:module";
import { isAbsolute } from "node:path";
import { fileURLToPath } from "node:url";
import type { HooksData } from "./hooks.ts";
import { loadedDespiteQuestionMark, resolvedDespiteBackslash } from "./odd-path.ts";
import { OWN_NAME, ownPackage, type Resolved, withFormat } from "./resolution.ts";

type ResolveFilename = (request: string, ...rest: unknown[]) => string;

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
  _resolveFilename: ResolveFilename;
  _cache: Record<string, Module>;
}

const internals = Module as unknown as Internals;

const requireHere = createRequire(import.meta.url);

/**
 * Makes this process load task modules: TypeScript without a build, and `agentctl` as the SDK at `sdkUrl`, one instance
 * for `import` and `require`. No tsconfig.json is read: whatever stands there is for the user's own tools.
 */
export async function prepareLoader(data: HooksData): Promise<void> {
  const { sdkUrl } = data;
  if (internals.registerHooks) {
    registerCommonJs();
    const { register: registerEsm } = await import("tsx/esm/api");
    registerEsm({ tsconfig: false });
    // Later hooks are asked first, so these stand before those of tsx.
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
    process.setSourceMapsEnabled(true);
    register(new URL("./host-hooks.mjs", import.meta.url), { data });
  }
  await prepareRequire(sdkUrl, internals.registerHooks !== undefined);
}

function registerCommonJs(): void {
  const { register }: typeof import("tsx/cjs/api") = requireHere("tsx/cjs/api");
  register();
}

/**
 * `require("agentctl")` gives what was imported, so that there is one instance. Where tsx does not serve `require` yet, it
 * does from the first file on.
 */
async function prepareRequire(sdkUrl: string, isServed: boolean): Promise<void> {
  const path = fileURLToPath(sdkUrl);
  const sdk = new Module(path);
  sdk.exports = { ...(await import(sdkUrl)) };
  sdk.filename = path;
  sdk.loaded = true;
  internals._cache[path] = sdk;
  let resolveFilename = internals._resolveFilename;
  let isByTsx = isServed;
  internals._resolveFilename = function (this: unknown, request, ...rest) {
    if (request === OWN_NAME) return path;
    if (isWhole(request)) return request;
    if (!isByTsx && !isBuiltin(request)) {
      isByTsx = true;
      resolveFilename = withCommonJs(resolveFilename);
    }
    return resolveFilename.call(this, request, ...rest);
  };
}

/** What tsx makes of a resolver, below what others have put on top of it since. */
function withCommonJs(below: ResolveFilename): ResolveFilename {
  const top = internals._resolveFilename;
  internals._resolveFilename = below;
  // The environment is the task's by now.
  const { TSX_DISABLE_CACHE: before } = process.env;
  process.env.TSX_DISABLE_CACHE = "1";
  try {
    registerCommonJs();
    return internals._resolveFilename;
  } finally {
    if (before === undefined) delete process.env.TSX_DISABLE_CACHE;
    else process.env.TSX_DISABLE_CACHE = before;
    internals._resolveFilename = top;
  }
}

/** A file by its path, of which tsx would take a question mark for the beginning of something else. */
function isWhole(request: string): boolean {
  return request.includes("?") && isAbsolute(request) && existsSync(request);
}
