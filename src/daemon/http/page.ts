/** The dashboard: three files of `dist/dashboard/`, which may load nothing from elsewhere. */
import { readFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { extname, join } from "node:path";
import { begin } from "./answer.ts";
import type { Services } from "./services.ts";

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
};

const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

const HEADERS = { "Content-Security-Policy": POLICY, "X-Frame-Options": "DENY" };

/** Returns the function that sends one file of the dashboard. */
export function pageOf({ assets }: Services, name: string) {
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const bytes = await readFile(join(assets, "dashboard", name));
    begin(response, 200, {
      ...HEADERS,
      "Content-Type": types[extname(name)],
      "Content-Length": bytes.length,
    });
    response.end(request.method === "HEAD" ? undefined : bytes);
  };
}

const SIGN_IN = `<!doctype html><html lang="en"><meta charset="utf-8"><title>agentctl</title>
<h1>agentctl</h1><p>This browser is not signed in. Run <code>agentctl ui</code>: it opens an address that works once.</p></html>`;

/** Sends a page that says how to sign in. */
export function sendSignIn(response: ServerResponse): void {
  const length = Buffer.byteLength(SIGN_IN);
  begin(response, 401, { ...HEADERS, "Content-Type": types[".html"], "Content-Length": length });
  response.end(SIGN_IN);
}
