/** Decodes bytes that other programs wrote. */

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Returns the text of these bytes; undefined if they are not UTF-8, so that no character is replaced silently. */
export function textOf(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}

/** Returns the text of a file, without the byte order mark that some editors write before the first line. */
export function fileTextOf(bytes: Uint8Array): string | undefined {
  return textOf(bytes)?.replace(/^\ufeff/, "");
}
