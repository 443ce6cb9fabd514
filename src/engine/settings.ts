/** The numbers that a user may change; durations in ms, sizes in bytes. `config.json` holds those that differ. */
export interface Settings {
  checkpointMaxBytes: number;
  checkpointKeep: number;
  logMaxBytes: number;
  pauseGraceMs: number;
  cancelGraceMs: number;
  retentionMs: number;
  retentionBytes: number;
  queueMaxTasks: number;
  /** How often the store is backed up; 0 for never. */
  backupEveryMs: number;
  /** Module hosts that wait ahead while tasks run. */
  hosts: number;
}

const MIB = 1024 * 1024;

/** What holds where nothing was configured; the numbers are those of the contract. */
export const defaultSettings: Settings = {
  checkpointMaxBytes: 8 * MIB,
  checkpointKeep: 3,
  logMaxBytes: 256 * MIB,
  pauseGraceMs: 60_000,
  cancelGraceMs: 10_000,
  retentionMs: 30 * 86_400_000,
  retentionBytes: 5 * 1024 * MIB,
  queueMaxTasks: 1_000_000,
  backupEveryMs: 3_600_000,
  hosts: 1,
};
