/** Makes foreign text safe for a terminal, so that it cannot move the cursor, change colours or hide other text. */

/** Control characters, line separators, and marks that change the direction of text. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const CONTROL_CHARS = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** Returns the text on one line, with all characters that steer the terminal written out. */
export function oneLine(text: string): string {
  return text.replace(CONTROL_CHARS, (char) => escapeChar(char));
}

/** Writes out all characters that steer the terminal, except line breaks and tabs. */
export function block(text: string): string {
  return text.replace(CONTROL_CHARS, (char) => (char === "\n" || char === "\t" ? char : escapeChar(char)));
}

/** Returns a command line as one would type it into a shell. */
export function shellLine(argv: readonly string[]): string {
  return argv.map(quote).join(" ");
}

/** Characters that mean something to a shell, but not to a program that is started without one. */
const SHELL_SYNTAX = /[\s|&;<>()$`"'*?[\]{}~#=!\\]/;

/** Returns `sh -c` with the command line if that is a single word that only a shell can split; else undefined. */
export function throughShell(argv: readonly string[]): string[] | undefined {
  const [line = "", ...rest] = argv;
  return rest.length === 0 && SHELL_SYNTAX.test(line) ? ["sh", "-c", line] : undefined;
}

function quote(argument: string): string {
  if (/^[\w@%+=:,./-]+$/.test(argument)) return argument;
  if (argument.search(CONTROL_CHARS) < 0) return `'${argument.replaceAll("'", "'\\''")}'`;
  return `$'${argument.replace(/['\\]/g, "\\$&").replace(CONTROL_CHARS, (char) => escapeChar(char))}'`;
}

function escapeChar(char: string): string {
  const short: Record<string, string> = { "\n": "\\n", "\t": "\\t", "\r": "\\r" };
  const code = char.charCodeAt(0);
  const hex = code.toString(16);
  return short[char] ?? (code < 256 ? `\\x${hex.padStart(2, "0")}` : `\\u${hex.padStart(4, "0")}`);
}

/** Returns JSON with characters that steer the terminal as JSON escapes; line breaks between values stay. */
export function escapedJson(json: string): string {
  return json.replace(CONTROL_CHARS, (char) =>
    char === "\n" ? char : `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
