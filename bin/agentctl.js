#!/bin/sh
":" //; [ -z "${NODE_EXTRA_CA_CERTS+set}" ] || export AGENTCTL_CA_CERTS="$NODE_EXTRA_CA_CERTS"; unset NODE_EXTRA_CA_CERTS; export AGENTCTL_OPEN_FILES="$(ulimit -S -n)"; case "$*" in *run*|*batch*|*add*|*enqueue*|*resume*|*restore*|*mcp*|*check*) odd='^(PWD|IFS|PPID|OPTIND|[0-9][^=]*|[^=]*[^A-Za-z0-9_=][^=]*)='; if [ -r /proc/$$/environ ] && { [ "$(LC_ALL=C grep -zE "$odd" /proc/$$/environ)" != "PWD=$PWD" ]; } 2>/dev/null; then AGENTCTL_ODD_VARIABLES="$(LC_ALL=C grep -zE "$odd" /proc/$$/environ | base64)"; [ ${#AGENTCTL_ODD_VARIABLES} -gt 100000 ] || export AGENTCTL_ODD_VARIABLES; fi ;; esac; [ $$ -ne 1 ] || exec /bin/sh "$(dirname "$(readlink -f "$0")")/as-init.sh" "$0" "$@"; exec node -- "$0" "$@"
// Node reads the line above as a string and a comment; sh runs it, and starts Node. Why it does what it does:
// - `node --`: otherwise Node 20 takes any --env-file for itself, even among the arguments of the program to run.
// - Certificates: only tasks need them, as the command line speaks no TLS. Reading them takes most of Node's start.
// - Open files: Node raises its limit, but tasks must get the caller's.
// - Odd variables: some shells, such as dash, drop variables whose names they cannot set, and change some of their own,
//   such as a PWD that is not the directory. For verbs that pass the environment on, we save those variables.
// - as-init.sh: the first process of a container must wait for every orphan.
// The package.json beside this file makes it CommonJS, which starts faster than an ES module.
const { join } = require("node:path");
const { load } = require("./compiled.js");

const { AGENTCTL_CA_CERTS: certificates, AGENTCTL_ODD_VARIABLES: odd } = process.env;
if (certificates !== undefined) {
  process.env.NODE_EXTRA_CA_CERTS = certificates;
  delete process.env.AGENTCTL_CA_CERTS;
}
if (odd !== undefined) {
  delete process.env.AGENTCTL_ODD_VARIABLES;
  delete process.env.PWD;
  for (const entry of Buffer.from(odd, "base64").toString("utf8").split("\0")) {
    const [name = "", ...value] = entry.split("=");
    // An entry that is not valid UTF-8 would arrive changed.
    if (name !== "" && !entry.includes("\ufffd")) process.env[name] = value.join("=");
  }
}

const cli = load(join(__dirname, "../dist/cli.cjs"), verb());
if (cli) process.once("exit", (code) => hasWorked(code) && cli.keep());
else {
  process.stderr.write("agentctl is not built: dist/cli.cjs is missing; run npm run build\n");
  process.exitCode = 70;
}

/** Returns the first word that is not an option; without one `list`, which runs mostly the same code. */
function verb() {
  const word = process.argv.slice(2).find((each) => !each.startsWith("-"));
  return word !== undefined && /^[a-z]{1,20}$/.test(word) ? word : "list";
}

/** Only a command that succeeded has compiled the functions it needs; one that printed help has not. */
function hasWorked(code) {
  return code === 0 && /^[^-]/.test(process.argv[2] ?? "") && !process.argv.includes("--help");
}
