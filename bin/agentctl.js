#!/usr/bin/env node
// CommonJS by the package.json beside it: that starts faster than an ES module does.
const { existsSync } = require("node:fs");
const { join } = require("node:path");
const cli = join(__dirname, "../dist/cli.cjs");
if (existsSync(cli)) require(cli);
else {
  process.stderr.write("agentctl is not built: dist/cli.cjs is missing; run npm run build\n");
  process.exitCode = 70;
}
