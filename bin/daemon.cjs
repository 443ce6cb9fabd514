// What a daemon in the background is started with: its bundle, from compiled code. By the name of this file it is found among the processes.
const { join } = require("node:path");
const { load } = require("./compiled.js");

const { exports: daemon, keep } = load(join(__dirname, "../dist/daemon.cjs"), "daemon");
daemon.runInBackground(keep);
// By then it has also compiled what tasks need.
process.once("exit", (code) => code === 0 && keep());
