/** The resolve hook for Node before 22.15, which runs it in a thread of its own, from a file of its own. */
import type { InitializeHook, ResolveFnOutput, ResolveHook } from "node:module";
import { OWN_NAME, ownPackage, withFormat } from "./resolution.ts";

const place = { sdkUrl: "" };

export const initialize: InitializeHook<{ sdkUrl: string }> = ({ sdkUrl }) => {
  place.sdkUrl = sdkUrl;
};

export const resolve: ResolveHook = async (specifier, context, next) => {
  if (specifier === OWN_NAME) return ownPackage(place.sdkUrl) as ResolveFnOutput;
  return withFormat(await next(specifier, context));
};
