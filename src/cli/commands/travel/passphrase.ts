/** The passphrase that encrypts the variables in an exported file. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { explainReadError } from "../../../home/text.ts";
import type { Context } from "../../command/context.ts";
import { usage } from "../../command/usage.ts";

/** Reads it from the file, AGENTCTL_PASSPHRASE or, if `canAsk`, the terminal; undefined if none is given. */
export async function readPassphrase(
  context: Context,
  file: string | undefined,
  canAsk: boolean,
): Promise<string | undefined> {
  const passphrase = file === undefined ? context.env.AGENTCTL_PASSPHRASE : readPassphraseFile(context, file);
  if (passphrase !== undefined && passphrase !== "") return passphrase;
  if (file !== undefined) throw usage(`${file} holds no passphrase`, { field: "--passphrase-file" });
  return canAsk && context.stdin().isTTY && context.out.noteTerminal
    ? await askOnTerminal(context)
    : undefined;
}

function readPassphraseFile({ cwd }: Context, file: string): string {
  try {
    return readFileSync(resolve(cwd, file), "utf8").replace(/\r?\n$/, "");
  } catch (error) {
    throw usage(`${file} cannot be read: ${explainReadError(error)}`, { field: "--passphrase-file" });
  }
}

/** Asks for it on the terminal, without echo. */
async function askOnTerminal({ stdin, out }: Context): Promise<string | undefined> {
  out.note("passphrase for the variables that travel:");
  const mutedOutput = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: stdin(), output: mutedOutput, terminal: true });
  try {
    return await new Promise<string | undefined>((done) => {
      lines.once("line", (line) => done(line === "" ? undefined : line));
      lines.once("close", () => done(undefined));
    });
  } finally {
    lines.close();
  }
}
