import { transform } from "esbuild";

const SHEET = /\bcss\(`([^`$\\]*)`\)/g;

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
    parts.push(module.slice(end, index), "css(", JSON.stringify(code.trim()), ")");
    end = index + whole.length;
  }
  return parts.join("") + module.slice(end);
}
