/**
 * Functions of the C library that Node does not offer, called through koffi: to start a process without copying this
 * one, and to collect it. The constants are those of Linux, the same in glibc and musl: spawn.h, fcntl.h,
 * bits/signum.h.
 */
import { createRequire } from "node:module";
import { constants } from "node:os";
import type Koffi from "koffi";

const O_CLOEXEC = 0o2000000;
const F_DUPFD_CLOEXEC = 1030;
const WNOHANG = 1;
const SETSIGDEF = 0x04;
const SETSIGMASK = 0x08;
const SETSID = 0x80;
/** More than the size of the largest structure of spawn.h, and of a set of signals. */
const STRUCTURE_BYTES = 1024;

/** A process to start. */
interface ProcessImage {
  file: string;
  argv: string[];
  /** `NAME=value`. */
  env: string[];
  cwd: string;
  /** The child's descriptors, as pairs: `[descriptor of this process, descriptor of the child]`. */
  duplicates: readonly (readonly [number, number])[];
}

export interface Libc {
  /** Starts a process in a new session, with all signals at their defaults. Returns its pid, or a negative errno. */
  spawn(image: ProcessImage): number;
  /** Collects a child that has ended and returns its wait status. Returns undefined if the child lives. */
  waitFor(pid: number): number | undefined;
  /** Creates a pipe and returns both ends, which no child inherits. Throws if there are no descriptors left. */
  pipe(): { read: number; write: number };
  /** Duplicates a descriptor to a number of at least `minFd`. Throws if there is none left. */
  duplicate(fd: number, minFd: number): number;
}

/** Loads the functions. Throws if koffi is missing for this platform, or the C library lacks a function. */
export function loadLibc(): Libc {
  const koffi = createRequire(import.meta.filename)("koffi") as typeof Koffi;
  const library = koffi.load(null);
  const call = (declaration: string) => library.func(declaration);
  const posixSpawn = call("int posix_spawn(_Out_ int *, str, void *, void *, const char **, const char **)");
  const initActions = call("int posix_spawn_file_actions_init(void *)");
  const destroyActions = call("int posix_spawn_file_actions_destroy(void *)");
  const addDup = call("int posix_spawn_file_actions_adddup2(void *, int, int)");
  const addChdir = call("int posix_spawn_file_actions_addchdir_np(void *, str)");
  const waitpid = call("int waitpid(int, _Out_ int *, int)");
  const pipe2 = call("int pipe2(_Out_ int *, int)");
  const fcntl = call("int fcntl(int, int, ...)");
  const attributes = attributesOf(call);
  const actions = Buffer.alloc(STRUCTURE_BYTES);

  return {
    spawn({ file, argv, env, cwd, duplicates }) {
      initActions(actions);
      try {
        addChdir(actions, cwd);
        for (const [from, to] of duplicates) addDup(actions, from, to);
        const pid = [0];
        const start = (path: string, words: string[]): number =>
          posixSpawn(pid, path, actions, attributes, [...words, null], [...env, null]);
        let errno = start(file, argv);
        // As execvp does with a script that names no interpreter.
        if (errno === constants.errno.ENOEXEC) errno = start("/bin/sh", ["/bin/sh", file, ...argv.slice(1)]);
        return errno === 0 ? (pid[0] as number) : -errno;
      } finally {
        destroyActions(actions);
      }
    },
    waitFor(pid) {
      const status = [0];
      return waitpid(pid, status, WNOHANG) === pid ? (status[0] as number) : undefined;
    },
    pipe() {
      const ends = new Int32Array(2);
      if (pipe2(ends, O_CLOEXEC) !== 0) {
        throw Object.assign(new Error("pipe2 failed"), { errno: -koffi.errno() });
      }
      return { read: ends[0] as number, write: ends[1] as number };
    },
    duplicate(fd, minFd) {
      const copy = fcntl(fd, F_DUPFD_CLOEXEC, "int", minFd) as number;
      // EINVAL also means that no number is left: the limit is below `minFd`.
      if (copy < 0) throw Object.assign(new Error("fcntl failed"), { errno: -constants.errno.EMFILE });
      return copy;
    },
  };
}

/** Returns attributes for a new session in which no signal is blocked or ignored, even if this process does so. */
function attributesOf(call: (declaration: string) => (...args: unknown[]) => unknown): Buffer {
  const attributes = Buffer.alloc(STRUCTURE_BYTES);
  const emptySet = Buffer.alloc(STRUCTURE_BYTES);
  // Not sigfillset, which omits two signals that glibc reserves: the child would ignore them.
  const fullSet = Buffer.alloc(STRUCTURE_BYTES, 0xff);
  call("int posix_spawnattr_init(void *)")(attributes);
  call("int posix_spawnattr_setsigdefault(void *, void *)")(attributes, fullSet);
  call("int posix_spawnattr_setsigmask(void *, void *)")(attributes, emptySet);
  const errorCode = call("int posix_spawnattr_setflags(void *, short)")(
    attributes,
    SETSID | SETSIGDEF | SETSIGMASK,
  );
  if (errorCode !== 0) throw new Error(`posix_spawn knows no sessions here (${errorCode})`);
  return attributes;
}
