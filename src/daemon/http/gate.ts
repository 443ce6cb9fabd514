import { createHmac, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";
import { hostname } from "node:os";
import { AgentctlError } from "../../core/errors.ts";
import { isLoopback } from "../../core/settings.ts";
import type { LoginCodes } from "./login.ts";
import type { Services } from "./services.ts";

/** Decides who may make requests: by the host names in the headers, and by token or cookie. */
export class Gate {
  readonly #services: Services;
  readonly #codes: LoginCodes;
  readonly #url: () => string;
  readonly #token: Buffer;
  readonly #session: Buffer;

  constructor(services: Services, codes: LoginCodes, url: () => string) {
    this.#services = services;
    this.#codes = codes;
    this.#url = url;
    // The session outlives a restart, and does not reveal the token.
    const session = createHmac("sha256", services.token).update("session").digest("base64url");
    this.#session = Buffer.from(session);
    this.#token = Buffer.from(services.token);
  }

  /** Throws for a request under a host name that is not this server's, or from another web page. */
  requireOwnNames({ headers }: IncomingMessage): void {
    const host = headers.host ?? "";
    if (!this.#isOwnHost(nameOf(host)))
      throw new AgentctlError("Forbidden", { reason: `the host ${JSON.stringify(host)} is not this server` });
    const { origin } = headers;
    if (origin !== undefined && hostOf(origin) !== host.toLowerCase()) {
      throw new AgentctlError("Forbidden", {
        reason: `it comes from another origin, ${JSON.stringify(origin)}`,
      });
    }
    const site = headers["sec-fetch-site"];
    const isForeign = site === "cross-site" || site === "same-site";
    if (isForeign && headers["sec-fetch-mode"] !== "navigate") {
      throw new AgentctlError("Forbidden", { reason: "it comes from another web page" });
    }
  }

  isAuthorized(request: IncomingMessage): boolean {
    try {
      this.requireToken(request);
      return true;
    } catch {
      return false;
    }
  }

  /** Throws for a request with neither the token nor the cookie. */
  requireToken({ headers }: IncomingMessage): void {
    const token = /^Bearer +(\S+) *$/i.exec(headers.authorization ?? "")?.[1];
    if (token !== undefined && isSame(token, this.#token)) return;
    if (token === undefined && isSame(cookieOf(headers.cookie, this.#cookieName()), this.#session)) return;
    throw new AgentctlError("Unauthorized", {
      reason: token === undefined ? "it has no token" : "its token is not that of this home",
    });
  }

  /** Returns the cookie for a code of `agentctl ui`. Throws for a code that was used or is too old. */
  cookieFor(code: string): string {
    if (!this.#codes.use(code)) {
      throw new AgentctlError("Unauthorized", {
        reason: "the address of agentctl ui works once, within a minute",
      });
    }
    return `${this.#cookieName()}=${this.#session}; HttpOnly; SameSite=Strict; Path=/; Max-Age=31536000`;
  }

  /** Browsers share cookies between all ports of a machine, so the name contains the port. */
  #cookieName(): string {
    return `agentctl_${new URL(this.#url()).port || "80"}`;
  }

  #isOwnHost(name: string): boolean {
    const { httpRemote, a2a } = this.#services.settings;
    if (a2a.url !== undefined && nameOf(new URL(a2a.url).host) === name) return true;
    if (isLoopback(name) || name === nameOf(new URL(this.#url()).host)) return true;
    if (!httpRemote) return false;
    const ownName = hostname().toLowerCase();
    return isIP(name) !== 0 || name === ownName || name.startsWith(`${ownName}.`);
  }
}

/** Returns the name in a `Host` header, without its port. */
function nameOf(host: string): string {
  const [, name = ""] = /^(\[[^\]]*\]|[^:]*)(?::\d*)?$/.exec(host.toLowerCase()) ?? [];
  return name.replace(/^\[|\]$/g, "");
}

function hostOf(origin: string): string | null {
  return URL.canParse(origin) ? new URL(origin).host.toLowerCase() : null;
}

function cookieOf(header = "", name: string): string {
  const pairs = header.split(";").map((pair) => pair.trim());
  return pairs.find((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1) ?? "";
}

/** Compares in a time that does not reveal where the two differ. */
function isSame(candidate: string, secret: Buffer): boolean {
  const bytes = Buffer.from(candidate);
  return bytes.length === secret.length && timingSafeEqual(bytes, secret);
}
