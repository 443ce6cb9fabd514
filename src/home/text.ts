/** Decodes bytes that other programs wrote, and explains why a file cannot be read. */

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

/** Returns in plain words why a file cannot be read. */
export function explainReadError(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === "ENOENT") return "there is no such file";
  if (code === "EISDIR") return "it is a directory";
  if (code === "EACCES") return "permission denied";
  return message;
}
