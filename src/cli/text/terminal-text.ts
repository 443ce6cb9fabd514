/** Text of others, made fit for a terminal: none of it moves the cursor, changes colours or hides behind another. */

/** Control characters, line separators, and marks that turn the direction of what follows. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const STEERING = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** On one line, with what would steer the terminal written out. */
export function oneLine(text: string): string {
  return text.replace(STEERING, (char) => written(char));
}

/** Line breaks and tabs stay; everything else that would steer the terminal is written out. */
export function block(text: string): string {
  return text.replace(STEERING, (char) => (char === "\n" || char === "\t" ? char : written(char)));
}

/** A command line as one would type it into a shell. */
export function shellLine(argv: readonly string[]): string {
  return argv.map(quoted).join(" ");
}

/** What a shell reads in a word that a program is started with as it is. */
const SHELL_SYNTAX = /[\s|&;<>()$`"'*?[\]{}~#=!\\]/;

/** A command line in which a shell reads the words, where they are one word that only a shell can take apart. */
export function throughShell(argv: readonly string[]): string[] | undefined {
  const [line = "", ...rest] = argv;
  return rest.length === 0 && SHELL_SYNTAX.test(line) ? ["sh", "-c", line] : undefined;
}

function quoted(argument: string): string {
  if (/^[\w@%+=:,./-]+$/.test(argument)) return argument;
  if (argument.search(STEERING) < 0) return `'${argument.replaceAll("'", "'\\''")}'`;
  return `$'${argument.replace(/['\\]/g, "\\$&").replace(STEERING, (char) => written(char))}'`;
}

function written(char: string): string {
  const short: Record<string, string> = { "\n": "\\n", "\t": "\\t", "\r": "\\r" };
  const code = char.charCodeAt(0);
  const hex = code.toString(16);
  return short[char] ?? (code < 256 ? `\\x${hex.padStart(2, "0")}` : `\\u${hex.padStart(4, "0")}`);
}

/** JSON with what would steer a terminal written as JSON writes it; line breaks between values stay. */
export function escapedJson(json: string): string {
  return json.replace(STEERING, (char) =>
    char === "\n" ? char : `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
