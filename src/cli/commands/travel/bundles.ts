/** Transfers bundles over the socket, in pieces. */
import type { RpcClient } from "../../../protocol/rpc-client.ts";

const PIECE_BYTES = 4 * 1024 * 1024;

/** Reads a bundle from its daemon, which deletes it after the last piece. */
export async function download(
  rpc: RpcClient,
  bundle: string,
  take: (chunk: Buffer) => Promise<void>,
): Promise<void> {
  for (let offset: number | null = 0; offset !== null; ) {
    const piece: { data: string; next: number | null } = await rpc.call("bundles/read", {
      bundle,
      offset,
      length: PIECE_BYTES,
    });
    await take(Buffer.from(piece.data, "base64"));
    offset = piece.next;
  }
}

/** Sends a bundle to a daemon. `take` resolves when its chunk was sent; `bundle` returns the id of the bundle. */
export function uploader(rpc: RpcClient): { take(chunk: Buffer): Promise<void>; bundle(): Promise<string> } {
  let bundle: string | undefined;
  let offset = 0;
  const take = async (chunk: Buffer) => {
    for (let at = 0; at < chunk.length || bundle === undefined; at += PIECE_BYTES) {
      const data = chunk.subarray(at, at + PIECE_BYTES);
      const named = bundle === undefined ? {} : { bundle };
      ({ bundle } = await rpc.call("bundles/write", { ...named, offset, data: data.toString("base64") }));
      offset += data.length;
    }
  };
  return {
    take,
    bundle: async () => {
      if (bundle === undefined) await take(Buffer.alloc(0));
      return bundle as string;
    },
  };
}
