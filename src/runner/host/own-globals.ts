// biome-ignore-all lint/suspicious/noShadowRestrictedNames: it is what this file is for

/**
 * Globals as they are before a module is loaded, which may put some of its own in their place, such as timers and a clock
 * that stand still. The build puts these in the place of the global ones in all that runs beside a module.
 */
export const { AbortController, Buffer, clearTimeout, Date, Promise, setImmediate, setTimeout } = globalThis;

/** The object is the module's own, its functions are not. */
export const JSON = { parse: globalThis.JSON.parse, stringify: globalThis.JSON.stringify };
