/** Files that the bundles and the tests read as text, and what the build puts in by name. */

declare module "*.sql" {
  const text: string;
  export default text;
}

declare module "*.sh" {
  const text: string;
  export default text;
}

/** The version in package.json. */
declare const __VERSION__: string;
