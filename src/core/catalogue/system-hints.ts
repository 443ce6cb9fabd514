const DISK_HINT = "the disk or its file system fails: dmesg tells more; agentctl doctor checks the store";
const RESOURCE_HINT = "the system is out of resources: end other programs or raise their limits (ulimit -a)";

/** Hints by error code, for system errors that a user can see and fix and that are not bugs. */
export const systemHints: Record<string, string> = {
  EACCES: "give this user the rights to it",
  EPERM: "give this user the rights to it",
  EROFS: "make it writable",
  ENOENT: "put back what was removed; agentctl doctor says what else is missing",
  ENOSPC: "free disk space and inodes (df, df -i); agentctl then continues by itself",
  EDQUOT: "free disk space of this user (quota); agentctl then continues by itself",
  EIO: DISK_HINT,
  EUCLEAN: DISK_HINT,
  ENODEV: DISK_HINT,
  ENXIO: DISK_HINT,
  ESTALE: "mount the file system of the home again, then agentctl daemon restart",
  ENOTCONN: "mount the file system of the home again, then agentctl daemon restart",
  ENOTDIR: "remove the file that is in the place of a folder",
  EISDIR: "remove the folder that is in the place of a file",
  SQLITE_CANTOPEN: "remove what is in the place of the file, or give this user the rights to it",
  EBUSY: "something else is using it: fuser names that program",
  EMFILE: RESOURCE_HINT,
  ENFILE: RESOURCE_HINT,
  ENOMEM: RESOURCE_HINT,
  EAGAIN: RESOURCE_HINT,
};
