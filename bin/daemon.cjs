// Starts a daemon in the background from compiled code. The name of this file identifies daemons among the processes.
const { join } = require("node:path");
const { load } = require("./compiled.js");

const { exports: daemon, keep } = load(join(__dirname, "../dist/daemon.cjs"), "daemon");
daemon.runInBackground(keep);
// At the exit, the functions that tasks need are compiled, too.
process.once("exit", (code) => code === 0 && keep());
