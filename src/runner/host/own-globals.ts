// biome-ignore-all lint/suspicious/noShadowRestrictedNames: it is what this file is for

/**
 * Globals as they are before a module is loaded. A module may replace them, for example with timers and a clock that
 * stand still. In all code that runs beside a module, the build replaces the globals with these.
 */
export const { AbortController, Buffer, clearTimeout, Date, Promise, setImmediate, setTimeout } = globalThis;

/** A copy, because a module may replace the functions of the global object. */
export const JSON = { parse: globalThis.JSON.parse, stringify: globalThis.JSON.stringify };
