/** Returns a number with its noun: `1 file`, `2 files`. `plural` is for an irregular one. */
export function counted(n: number, singular: string, plural = `${singular}s`): string {
  return `${n} ${n === 1 ? singular : plural}`;
}
