/** The resolve hook for Node before 22.15, which runs it in a thread of its own, from a file of its own. */
import type { InitializeHook, LoadHook, ResolveFnOutput, ResolveHook } from "node:module";
import { loadedDespiteQuestionMark, resolvedDespiteBackslash } from "./odd-path.ts";
import { ownPackage, withFormat } from "./resolution.ts";

const place = { sdkUrl: "" };

export const initialize: InitializeHook<{ sdkUrl: string }> = ({ sdkUrl }) => {
  place.sdkUrl = sdkUrl;
};

export const resolve: ResolveHook = async (specifier, context, next) => {
  const own = ownPackage(specifier, place.sdkUrl);
  if (own) return own as ResolveFnOutput;
  const found = resolvedDespiteBackslash(specifier, context.parentURL);
  return withFormat((found as ResolveFnOutput | undefined) ?? (await next(specifier, context)));
};

export const load: LoadHook = async (url, context, next) =>
  loadedDespiteQuestionMark(url, context.format) ?? (await next(url, context));
