import { extname } from "node:path";

const PLAIN = "text/plain; charset=utf-8";
/** What a browser may show by itself; anything else it saves. */
const types: Readonly<Record<string, string>> = {
  ".txt": PLAIN,
  ".log": PLAIN,
  ".diff": PLAIN,
  ".md": "text/markdown; charset=utf-8",
  ".csv": "text/csv; charset=utf-8",
  ".json": "application/json",
  ".png": "image/png",
  ".jpg": "image/jpeg",
  ".jpeg": "image/jpeg",
  ".pdf": "application/pdf",
};

/** The media type of an artifact, by its name. */
export function typeOf(name: string): string {
  return types[extname(name).toLowerCase()] ?? "application/octet-stream";
}
