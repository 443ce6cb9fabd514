/** Transfers bundles over the socket, in pieces. */
import type { RpcClient } from "../../../protocol/rpc-client.ts";

const MAX_PIECE_BYTES = 4 * 1024 * 1024;

/** Reads a bundle from its daemon, which deletes it after the last piece. */
export async function download(
  rpc: RpcClient,
  bundle: string,
  write: (chunk: Buffer) => Promise<void>,
): Promise<void> {
  for (let offset: number | null = 0; offset !== null; ) {
    const piece: { data: string; next: number | null } = await rpc.call("bundles/read", {
      bundle,
      offset,
      length: MAX_PIECE_BYTES,
    });
    await write(Buffer.from(piece.data, "base64"));
    offset = piece.next;
  }
}

/** Sends a bundle to a daemon. `write` resolves when its chunk was sent; `bundle` returns the id of the bundle. */
export function uploader(rpc: RpcClient): { write(chunk: Buffer): Promise<void>; bundle(): Promise<string> } {
  let bundle: string | undefined;
  let offset = 0;
  const write = async (chunk: Buffer) => {
    for (let start = 0; start < chunk.length || bundle === undefined; start += MAX_PIECE_BYTES) {
      const data = chunk.subarray(start, start + MAX_PIECE_BYTES);
      const bundleParam = bundle === undefined ? {} : { bundle };
      ({ bundle } = await rpc.call("bundles/write", {
        ...bundleParam,
        offset,
        data: data.toString("base64"),
      }));
      offset += data.length;
    }
  };
  return {
    write,
    bundle: async () => {
      if (bundle === undefined) await write(Buffer.alloc(0));
      return bundle as string;
    },
  };
}
