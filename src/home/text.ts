/** Bytes that others wrote, as text. */

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The text of these bytes; undefined where they are not UTF-8, so that no character is replaced silently. */
export function textOf(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}

/** The text of a file: without the byte order mark that some editors write before the first line. */
export function fileTextOf(bytes: Uint8Array): string | undefined {
  return textOf(bytes)?.replace(/^\ufeff/, "");
}
