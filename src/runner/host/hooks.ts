/**
 * The hooks for Node before 22.15, which runs them in a thread of its own, from a file of their own.
 *
 * tsx takes half of the time and memory of a host there, and does nothing for an ES module of plain JavaScript. So it is
 * loaded at the first file that may need it, and from then on asked for every file.
 */
import type { InitializeHook, LoadFnOutput, LoadHook, ResolveFnOutput, ResolveHook } from "node:module";
import { loadedDespiteQuestionMark, resolvedDespiteBackslash } from "./odd-path.ts";
import { ownPackage, withFormat } from "./resolution.ts";

/** What a host tells its hooks. */
export interface HooksData {
  sdkUrl: string;
  /** The module is probably TypeScript: tsx is loaded ahead. */
  isTypeScript: boolean;
}

interface Tsx {
  initialize: (data: { tsconfig: false }) => void;
  resolve: ResolveHook;
  load: LoadHook;
}

let sdkUrl = "";
let tsx: Promise<Tsx> | null = null;

/** The files of these hooks, tsx included: they are loaded in this thread, by the same hooks. */
const ownFiles = new Set([import.meta.url]);

export const initialize: InitializeHook<HooksData> = (data) => {
  sdkUrl = data.sdkUrl;
  // Who asks for it hears of an error.
  if (data.isTypeScript) withTsx().catch(() => {});
};

export const resolve: ResolveHook = async (specifier, context, next) => {
  if (ownFiles.has(context.parentURL ?? "")) {
    const resolved = await next(specifier, context);
    ownFiles.add(resolved.url);
    return resolved;
  }
  const own = ownPackage(specifier, sdkUrl);
  if (own) return own as ResolveFnOutput;
  const plain = tsx !== null ? undefined : await resolvedAsPlain(specifier, context, next);
  if (plain) return plain;
  const found = resolvedDespiteBackslash(specifier, context.parentURL) as ResolveFnOutput | undefined;
  if (found) return withFormat(found);
  // What tsx takes for CommonJS gets an address of its own, so the format is known before.
  const formatted: typeof next = async (...question) => withFormat(await next(...question));
  return (await withTsx()).resolve(specifier, context, formatted);
};

export const load: LoadHook = async (url, context, next) => {
  if (ownFiles.has(url)) return next(url, context);
  const odd = loadedDespiteQuestionMark(url, context.format);
  if (odd) return odd;
  if (tsx !== null) return (await tsx).load(url, context, next);
  const loaded = await next(url, context);
  if (!importsLater(loaded)) return loaded;
  return (await withTsx()).load(url, context, async () => loaded);
};

/** Part of Node, or an ES module of JavaScript; undefined for all that tsx may resolve otherwise. */
async function resolvedAsPlain(...[specifier, context, next]: Parameters<ResolveHook>) {
  try {
    const resolved = withFormat(await next(specifier, context));
    const isModule = resolved.format === "module" && /\.m?js$/.test(new URL(resolved.url).pathname);
    return isModule || resolved.url.startsWith("node:") ? resolved : undefined;
  } catch {
    // A file without its ending, a folder, or none: tsx finds it, or says what is missing.
    return undefined;
  }
}

/** Whether it may import while it runs: tsx gives CommonJS that was compiled from an ES module its own shape there. */
function importsLater({ format, source }: LoadFnOutput): boolean {
  return format === "module" && source != null && /\bimport\s*[(/]/.test(textOf(source));
}

function textOf(source: NonNullable<LoadFnOutput["source"]>): string {
  return typeof source === "string" ? source : new TextDecoder().decode(source);
}

function withTsx(): Promise<Tsx> {
  // Its hooks are not in its types.
  const name: string = "tsx/esm";
  tsx ??= import(name).then((loaded: Tsx) => {
    loaded.initialize({ tsconfig: false });
    return loaded;
  });
  return tsx;
}
