import { open } from "node:fs/promises";

/** How many bytes of a file one response holds at most. */
export const PIECE_BYTES = 256 * 1024;

export interface PieceRequest {
  offset: number | undefined;
  /** How many bytes before the end to begin at, instead of an offset. */
  fromEnd?: number | undefined;
  length: number;
}

/** Returns bytes of a file with their offset and the file's size, or undefined if there is no file. */
export async function readPiece(
  path: string,
  { offset = 0, fromEnd, length }: PieceRequest,
): Promise<{ data: Buffer; offset: number; size: number } | undefined> {
  const file = await open(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
    return undefined;
  });
  if (!file) return undefined;
  try {
    const { size } = await file.stat();
    const from = fromEnd === undefined ? offset : Math.max(0, size - fromEnd);
    const count = Math.max(0, Math.min(length, PIECE_BYTES, size - from));
    const { buffer, bytesRead } = await file.read(Buffer.alloc(count), 0, count, from);
    return { data: buffer.subarray(0, bytesRead), offset: from, size };
  } finally {
    await file.close();
  }
}
