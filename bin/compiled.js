/** Runs the bundles of dist/ from compiled code that an earlier process cached beside them: compiling takes longer. */
const { chmodSync, readFileSync, renameSync, writeFileSync } = require("node:fs");
const { dirname } = require("node:path");
const { Script } = require("node:vm");
const { crc32 } = require("node:zlib");

/** The length of a checksum in hexadecimal digits. */
const SEAL = 8;

/**
 * Runs a bundle, whose text is ASCII, from the code cached for `work`. Every process compiles the functions that did
 * not run before the cache was written. The end of the cache file names its bundle, as the first line of the bundle
 * does, so that code and text always match. Returns the bundle's exports, and `keep`, which writes the cache if it was
 * of no use; undefined if there is no such bundle.
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

/** Returns the compiled code of a cache file; undefined if the file is damaged or belongs to another bundle. */
function whole(kept, name) {
  const code = kept.subarray(0, -SEAL - name.length);
  return kept.subarray(code.length).latin1Slice() === seal(code) + name ? code : undefined;
}

/** Returns a checksum: Node does not check that compiled code is intact, and one wrong byte ends the process. */
function seal(code) {
  return crc32(code).toString(16).padStart(SEAL, "0");
}

/** Writes the cache file. If the folder is not writable, nothing is cached. */
function keep(file, script, name) {
  const draft = `${file}.${process.pid}`;
  try {
    const compiled = script.createCachedData();
    writeFileSync(draft, Buffer.concat([compiled, Buffer.from(seal(compiled) + name)]));
    // Every user of this installation may read it, whatever our umask is.
    chmodSync(draft, 0o644);
    renameSync(draft, file);
  } catch {
    // Without a cache, every process compiles for itself.
  }
}
