#!/bin/sh
":" //; [ -z "${NODE_EXTRA_CA_CERTS+set}" ] || export AGENTCTL_CA_CERTS="$NODE_EXTRA_CA_CERTS"; unset NODE_EXTRA_CA_CERTS; export AGENTCTL_OPEN_FILES="$(ulimit -S -n)"; case "$*" in *run*|*batch*|*add*|*enqueue*|*resume*|*restore*|*mcp*|*check*) odd='^(PWD|IFS|PPID|OPTIND|[0-9][^=]*|[^=]*[^A-Za-z0-9_=][^=]*)='; if [ -r /proc/$$/environ ] && { [ "$(LC_ALL=C grep -zE "$odd" /proc/$$/environ)" != "PWD=$PWD" ]; } 2>/dev/null; then AGENTCTL_ODD_VARIABLES="$(LC_ALL=C grep -zE "$odd" /proc/$$/environ | base64)"; [ ${#AGENTCTL_ODD_VARIABLES} -gt 100000 ] || export AGENTCTL_ODD_VARIABLES; fi ;; esac; [ $$ -ne 1 ] || exec /bin/sh "$(dirname "$(readlink -f "$0")")/as-init.sh" "$0" "$@"; exec node -- "$0" "$@"
// To Node the line above is a string and a comment; to sh it starts Node with --, without which Node 20 takes an --env-file
// for its own wherever it stands, also among the arguments of the program to run. Certificates, which Node reads at its
// start for longer than all the rest takes, are for tasks: the command line speaks no TLS. Node raises its limit of open
// files, and tasks are to have the caller's. Some shells, dash among them, drop variables whose names they could not set
// and change a few of their own, such as a PWD that is not the directory: for verbs that hand the environment on, they are
// kept aside. The first process of a container has to be one that waits for every orphan.
// CommonJS by the package.json beside it: that starts faster than an ES module does.
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
    // What is not valid UTF-8 would not arrive as it is.
    if (name !== "" && !entry.includes("\ufffd")) process.env[name] = value.join("=");
  }
}

const cli = load(join(__dirname, "../dist/cli.cjs"), verb());
if (cli) process.once("exit", (code) => hasWorked(code) && cli.keep());
else {
  process.stderr.write("agentctl is not built: dist/cli.cjs is missing; run npm run build\n");
  process.exitCode = 70;
}

/** The verb is the first word that is no option; without one most of what runs is that of `list`. */
function verb() {
  const word = process.argv.slice(2).find((each) => !each.startsWith("-"));
  return word !== undefined && /^[a-z]{1,20}$/.test(word) ? word : "list";
}

/** A command that did its work has compiled what it needs, one that printed its help has not. */
function hasWorked(code) {
  return code === 0 && /^[^-]/.test(process.argv[2] ?? "") && !process.argv.includes("--help");
}
