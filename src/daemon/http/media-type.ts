import { extname } from "node:path";

const PLAIN = "text/plain; charset=utf-8";
/** Sources and settings, sent as plain text: their own media types do not help anybody who reads them. */
const textEndings =
  "txt text log diff patch py rb go rs c h java sh sql ts tsx jsx toml ini yaml yml jsonl ndjson".split(" ");
const types: Readonly<Record<string, string>> = {
  ...Object.fromEntries(textEndings.map((ending) => [`.${ending}`, PLAIN])),
  ".html": "text/html; charset=utf-8",
  ".htm": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".mjs": "text/javascript; charset=utf-8",
  ".cjs": "text/javascript; charset=utf-8",
  ".xml": "text/xml; charset=utf-8",
  ".tsv": "text/tab-separated-values; charset=utf-8",
  ".svg": "image/svg+xml",
  ".gif": "image/gif",
  ".webp": "image/webp",
  ".md": "text/markdown; charset=utf-8",
  ".csv": "text/csv; charset=utf-8",
  ".json": "application/json",
  ".png": "image/png",
  ".jpg": "image/jpeg",
  ".jpeg": "image/jpeg",
  ".pdf": "application/pdf",
};

/** Returns the media type of an artifact, by its name. The response must make the browser save the file, not run it. */
export function mediaTypeOf(name: string): string {
  return types[extname(name).toLowerCase()] ?? "application/octet-stream";
}
