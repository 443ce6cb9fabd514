/** Returns a number with its noun: `1 file`, `2 files`. `many` is for an irregular plural. */
export function counted(n: number, one: string, many = `${one}s`): string {
  return `${n} ${n === 1 ? one : many}`;
}
