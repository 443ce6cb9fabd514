export function startModel(
  log?: (line: string) => void,
  port?: number,
): Promise<{ url: string; close(): void }>;
