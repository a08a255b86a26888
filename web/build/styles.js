import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { transform } from "esbuild";

import { WEB } from "./places.js";

const SHEET = /\bcss\(`([^`$\\]*)`\)/g;

const PRIVATE = /--_[\w-]+/g;
const STYLES = join(WEB, "inbox", "style");
const properties = new Set(
  readdirSync(STYLES)
    .sort()
    .flatMap((file) => readFileSync(join(STYLES, file), "utf8").match(PRIVATE) ?? []),
);
/** The custom properties that no page sets: each a letter, the same in all sheets. */
const letters = new Map([...properties].map((name, n) => [name, `--_${(n + 10).toString(36)}`]));

/**
 * A module with the sheets in it minified, which no minifier of JavaScript does.
 *
 * @param {string} module
 */
export async function withSmallSheets(module) {
  const parts = [];
  let end = 0;
  for (const { 0: whole, 1: sheet, index } of module.matchAll(SHEET)) {
    const { code } = await transform(/** @type {string} */ (sheet), { loader: "css", minify: true });
    const small = code.trim().replace(PRIVATE, (name) => letters.get(name) ?? name);
    parts.push(module.slice(end, index), "css(", JSON.stringify(small), ")");
    end = index + whole.length;
  }
  return parts.join("") + module.slice(end);
}
