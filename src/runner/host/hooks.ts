/**
 * The module hooks for Node before 22.15, which runs hooks in a separate thread, from a separate file.
 *
 * There, tsx takes half of the time and memory of a host, and does nothing for an ES module in plain JavaScript. So tsx
 * is loaded for the first file that may need it, and from then on used for every file.
 */
import type { InitializeHook, LoadFnOutput, LoadHook, ResolveFnOutput, ResolveHook } from "node:module";
import { loadDespiteQuestionMark, resolveDespiteBackslash } from "./odd-path.ts";
import { ownPackage, withFormat } from "./resolution.ts";

/** The data that a host passes to its hooks. */
export interface HooksData {
  sdkUrl: string;
  /** Whether the module is probably TypeScript, so that tsx is loaded ahead. */
  isTypeScript: boolean;
}

interface Tsx {
  initialize: (data: { tsconfig: false }) => void;
  resolve: ResolveHook;
  load: LoadHook;
}

let sdkUrl = "";
let tsx: Promise<Tsx> | null = null;

/** The files of these hooks, including tsx. They are loaded in this thread, through these same hooks. */
const ownFiles = new Set([import.meta.url]);

export const initialize: InitializeHook<HooksData> = (data) => {
  sdkUrl = data.sdkUrl;
  // An error is reported by the first file that needs tsx.
  if (data.isTypeScript) withTsx().catch(() => {});
};

export const resolve: ResolveHook = async (specifier, context, next) => {
  if (ownFiles.has(context.parentURL ?? "")) {
    const resolved = await next(specifier, context);
    ownFiles.add(resolved.url);
    return resolved;
  }
  const sdkResult = ownPackage(specifier, sdkUrl);
  if (sdkResult) return sdkResult as ResolveFnOutput;
  const plain = tsx !== null ? undefined : await resolvePlain(specifier, context, next);
  if (plain) return plain;
  const resolved = resolveDespiteBackslash(specifier, context.parentURL) as ResolveFnOutput | undefined;
  if (resolved) return withFormat(resolved);
  // tsx gives a file that it considers CommonJS a special URL, so the format must be set before.
  const formatted: typeof next = async (...args) => withFormat(await next(...args));
  return (await withTsx()).resolve(specifier, context, formatted);
};

export const load: LoadHook = async (url, context, next) => {
  if (ownFiles.has(url)) return next(url, context);
  const compiled = loadDespiteQuestionMark(url, context.format);
  if (compiled) return compiled;
  if (tsx !== null) return (await tsx).load(url, context, next);
  const loaded = await next(url, context);
  if (!importsLater(loaded)) return loaded;
  return (await withTsx()).load(url, context, async () => loaded);
};

/** Resolves a part of Node or an ES module in JavaScript. Returns undefined for what tsx may resolve differently. */
async function resolvePlain(...[specifier, context, next]: Parameters<ResolveHook>) {
  try {
    const resolved = withFormat(await next(specifier, context));
    const isModule = resolved.format === "module" && /\.m?js$/.test(new URL(resolved.url).pathname);
    return isModule || resolved.url.startsWith("node:") ? resolved : undefined;
  } catch {
    // A file name without its ending, a folder, or no file: tsx finds it, or reports what is missing.
    return undefined;
  }
}

/** Whether the module may call `import()`. There, tsx reshapes CommonJS that was compiled from an ES module. */
function importsLater({ format, source }: LoadFnOutput): boolean {
  return format === "module" && source != null && /\bimport\s*[(/]/.test(textOf(source));
}

function textOf(source: NonNullable<LoadFnOutput["source"]>): string {
  return typeof source === "string" ? source : new TextDecoder().decode(source);
}

function withTsx(): Promise<Tsx> {
  // The hooks of tsx are not in its types.
  const name: string = "tsx/esm";
  tsx ??= import(name).then((loaded: Tsx) => {
    loaded.initialize({ tsconfig: false });
    return loaded;
  });
  return tsx;
}
