/** The names that agentctl gives to files in a home: cleanup and repair touch no other file there. */
const STAMP = String.raw`\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d-\d{3}Z`;
const KEY = String.raw`(?:\d+\.\d+|host\.[0-9a-f]+)`;

const names = {
  home: /^(?:agentctl\.(?:db|sock)(?:[.-].*)?|daemon\.(?:lock|log)(?:[.-].*)?|daemon\.(?:seen|reserve)|config\.json(?:\.\d+\.new)?|http\.token(?:\.\d+\.new)?|machine\.json(?:\.\d+\.new)?|a2a-push\.json(?:\.\d+\.new)?|cluster\.(?:json|key)(?:\.\d+\.new)?|machine\.env|lease(?:\.new)?|daemon\.ceiling(?:\.\d+\.new)?|logs|tasks|backups|bundles|env|run)$/,
  logs: /^\d+(?:\.before-restore)?$/,
  tasks: /^\d+(?:\.kept)?(?:\.before-restore)?$/,
  backups: new RegExp(`^${STAMP}-[a-z0-9-]+\\.db(?:\\.part)?(?:-wal|-shm|-journal)?$`),
  env: /^[0-9a-f]{64}(?:\.\d+\.new)?$/,
  run: new RegExp(`^(?:${KEY}\\.[a-z]+|agentctl-guard.*|guards-.*)$`),
} as const;

/** Returns whether agentctl gives files in this folder of a home such a name. */
export function isOwnName(folder: keyof typeof names, name: string): boolean {
  return names[folder].test(name);
}
