#!/bin/sh
":" //; [ -z "${NODE_EXTRA_CA_CERTS+set}" ] || export AGENTCTL_CA_CERTS="$NODE_EXTRA_CA_CERTS"; unset NODE_EXTRA_CA_CERTS; export AGENTCTL_OPEN_FILES="$(ulimit -S -n)"; [ $$ -ne 1 ] || exec /bin/sh "$(dirname "$(readlink -f "$0")")/as-init.sh" "$0" "$@"; exec node -- "$0" "$@"
// To Node the line above is a string and a comment; to sh it starts Node with --, without which Node 20 takes an --env-file
// for its own wherever it stands, also among the arguments of the program to run. Certificates, which Node reads at its
// start for longer than all the rest takes, are for tasks: the command line speaks no TLS. Node raises its limit of open
// files, and tasks are to have the caller's. The first process of a container has to be one that waits for every orphan.
// CommonJS by the package.json beside it: that starts faster than an ES module does.
const { readFileSync, renameSync, writeFileSync } = require("node:fs");
const { dirname, join } = require("node:path");
const { Script } = require("node:vm");
const { crc32 } = require("node:zlib");

const { AGENTCTL_CA_CERTS: certificates } = process.env;
if (certificates !== undefined) {
  process.env.NODE_EXTRA_CA_CERTS = certificates;
  delete process.env.AGENTCTL_CA_CERTS;
}

/** The length of a checksum in hexadecimal digits. */
const SEAL = 8;
const cli = join(__dirname, "../dist/cli.cjs");
const source = read(cli);
if (source) start(source.latin1Slice());
else {
  process.stderr.write("agentctl is not built: dist/cli.cjs is missing; run npm run build\n");
  process.exitCode = 70;
}

function read(path) {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

/**
 * Runs the bundle, whose text is ASCII, from code that an earlier call of the same verb compiled and left beside it: a
 * function that did not run then is compiled at every call. The end of that file names the bundle that it is of, as the
 * bundle's first line does, so that code and text always belong together.
 */
function start(text) {
  const name = text.slice(2, 18);
  const file = `${cli}.${process.version}.${verb()}.cache`;
  const kept = read(file);
  const cachedData = kept && whole(kept, name);
  const script = new Script(`(function (require, __filename, __dirname) {${text}\n})`, {
    filename: cli,
    ...(cachedData ? { cachedData } : {}),
  });
  if (!cachedData || script.cachedDataRejected) process.once("exit", (code) => keep(code, file, script, name));
  script.runInThisContext()(require, cli, dirname(cli));
}

/** The compiled code of a file that was kept, or undefined where the file is damaged or of another bundle. */
function whole(kept, name) {
  const code = kept.subarray(0, -SEAL - name.length);
  return kept.subarray(code.length).latin1Slice() === seal(code) + name ? code : undefined;
}

/** Node does not look whether compiled code is whole, and one wrong byte ends the process. */
function seal(code) {
  return crc32(code).toString(16).padStart(SEAL, "0");
}

/** The verb is the first word that is no option; without one most of what runs is that of `list`. */
function verb() {
  const word = process.argv.slice(2).find((each) => !each.startsWith("-"));
  return word !== undefined && /^[a-z]{1,20}$/.test(word) ? word : "list";
}

/**
 * A command that did its work has compiled what it needs, one that printed its help has not. Where the place may not
 * be written, nothing is kept.
 */
function keep(code, file, script, name) {
  if (code !== 0 || !/^[^-]/.test(process.argv[2] ?? "") || process.argv.includes("--help")) return;
  const draft = `${file}.${process.pid}`;
  try {
    const compiled = script.createCachedData();
    writeFileSync(draft, Buffer.concat([compiled, Buffer.from(seal(compiled) + name)]));
    renameSync(draft, file);
  } catch {
    // Every call compiles for itself.
  }
}
