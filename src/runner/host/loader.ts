import { existsSync } from "node:fs";
import Module, { createRequire, isBuiltin, register } from "node:module";
import { isAbsolute } from "node:path";
import { fileURLToPath } from "node:url";
import type { HooksData } from "./hooks.ts";
import { loadDespiteQuestionMark, resolveDespiteBackslash } from "./odd-path.ts";
import { OWN_NAME, ownPackage, type Resolved, withFormat } from "./resolution.ts";

type ResolveFilename = (request: string, ...rest: unknown[]) => string;

/** What the types of the oldest supported Node lack. */
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
 * Prepares this process to load task modules: TypeScript without a build, and `agentctl` as the SDK at `sdkUrl`, one
 * instance for `import` and `require`. No tsconfig.json is read, because its settings are for the user's own tools.
 */
export async function prepareLoader(data: HooksData): Promise<void> {
  const { sdkUrl } = data;
  if (internals.registerHooks) {
    registerCommonJs();
    const { register: registerEsm } = await import("tsx/esm/api");
    registerEsm({ tsconfig: false });
    // Hooks that are registered later are called first, so these come before those of tsx.
    internals.registerHooks({
      resolve(specifier, context, next) {
        const sdkResult = ownPackage(specifier, sdkUrl);
        if (sdkResult) return sdkResult;
        const isRequired = context.conditions.includes("require");
        const found = isRequired ? undefined : resolveDespiteBackslash(specifier, context.parentURL);
        const resolved = found ?? next(specifier, context);
        return isRequired ? resolved : withFormat(resolved);
      },
      load: (url, context, next) => loadDespiteQuestionMark(url, context.format) ?? next(url, context),
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
 * Makes `require("agentctl")` return the imported SDK, so that there is one instance. If tsx does not serve `require`
 * yet, it does so from the first required file on.
 */
async function prepareRequire(sdkUrl: string, isServed: boolean): Promise<void> {
  const path = fileURLToPath(sdkUrl);
  const sdk = new Module(path);
  sdk.exports = { ...(await import(sdkUrl)) };
  sdk.filename = path;
  sdk.loaded = true;
  internals._cache[path] = sdk;
  let resolveFilename = internals._resolveFilename;
  let usesTsx = isServed;
  internals._resolveFilename = function (this: unknown, request, ...rest) {
    if (request === OWN_NAME) return path;
    if (isFileWithQuestionMark(request)) return request;
    if (!usesTsx && !isBuiltin(request)) {
      usesTsx = true;
      resolveFilename = withCommonJs(resolveFilename);
    }
    return resolveFilename.call(this, request, ...rest);
  };
}

/** Returns `resolver` as extended by tsx. Resolvers that others have put on top of it since remain on top. */
function withCommonJs(resolver: ResolveFilename): ResolveFilename {
  const top = internals._resolveFilename;
  internals._resolveFilename = resolver;
  // By now, the environment is the task's, so the variable is restored below.
  const { TSX_DISABLE_CACHE: previous } = process.env;
  process.env.TSX_DISABLE_CACHE = "1";
  try {
    registerCommonJs();
    return internals._resolveFilename;
  } finally {
    if (previous === undefined) delete process.env.TSX_DISABLE_CACHE;
    else process.env.TSX_DISABLE_CACHE = previous;
    internals._resolveFilename = top;
  }
}

/** Whether `request` is the path of a file with a question mark, which tsx would take for the start of a query. */
function isFileWithQuestionMark(request: string): boolean {
  return request.includes("?") && isAbsolute(request) && existsSync(request);
}
