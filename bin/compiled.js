/** Runs the bundles of dist/ from compiled code that an earlier process left beside them: to compile them takes longer. */
const { chmodSync, readFileSync, renameSync, writeFileSync } = require("node:fs");
const { dirname } = require("node:path");
const { Script } = require("node:vm");
const { crc32 } = require("node:zlib");

/** The length of a checksum in hexadecimal digits. */
const SEAL = 8;

/**
 * Runs a bundle, whose text is ASCII, from what was kept for `work`: a function that did not run then is compiled by every
 * process. The end of that file names the bundle that it is of, as the bundle's first line does, so that code and text
 * always belong together. Answers what the bundle exports, and `keep`, which writes that file where it is of no use;
 * undefined where there is no such bundle.
 */
exports.load = (bundle, work) => {
  const source = read(bundle);
  if (!source) return undefined;
  const text = source.latin1Slice();
  const name = text.slice(2, 18);
  const file = `${bundle}.${process.version}.${work}.cache`;
  const kept = read(file);
  const cachedData = kept && whole(kept, name);
  const script = new Script(`(function (exports, require, module, __filename, __dirname) {${text}\n})`, {
    filename: bundle,
    ...(cachedData ? { cachedData } : {}),
  });
  const isOfUse = cachedData && !script.cachedDataRejected;
  const module = { exports: {} };
  script.runInThisContext()(module.exports, require, module, bundle, dirname(bundle));
  return { exports: module.exports, keep: () => isOfUse || keep(file, script, name) };
};

function read(path) {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
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

/** Where the place may not be written, nothing is kept. */
function keep(file, script, name) {
  const draft = `${file}.${process.pid}`;
  try {
    const compiled = script.createCachedData();
    writeFileSync(draft, Buffer.concat([compiled, Buffer.from(seal(compiled) + name)]));
    // For every user of this installation, whatever the umask here is.
    chmodSync(draft, 0o644);
    renameSync(draft, file);
  } catch {
    // Every process compiles for itself.
  }
}
