import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { build } from "esbuild";
import { minify } from "terser";

import { innerNames } from "./names.js";
import { WEB } from "./places.js";
import { withSmallSheets } from "./styles.js";

export const SOURCE = join(WEB, "inbox", "bundle");
export const BUNDLE = join(WEB, "bundle", "clarion.js");

/**
 * Modules that are written first. gzip finds what repeats within 32 KiB, so the order decides 0.2 KiB; this one was
 * searched for. None of them defines an element: `home.js` still comes before those that do.
 */
const FIRST = [
  "../day-groups",
  "../toast",
  "../../client/feed",
  "../../client/stream",
  "../../client/clarion",
  "../messages",
  "../live-announcer",
  "../list",
  "../item-store",
];

/**
 * Client and elements as one module; it is committed, for the pusher serves it without Node.
 *
 * @param {string} [file]
 */
export async function buildBundle(file = BUNDLE) {
  const { version } = JSON.parse(readFileSync(join(WEB, "inbox", "package.json"), "utf8"));
  const imports = FIRST.map((name) => `import "${name}.js";`).join("");
  const { outputFiles } = await build({
    stdin: { contents: `${imports}export * from "./main.js";`, resolveDir: SOURCE },
    ignoreAnnotations: true, // else an import for the sake of the order is left out
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    plugins: [{ name: "sheets", setup: minifySheets }],
    write: false,
  });
  const bundled = /** @type {import("esbuild").OutputFile} */ (outputFiles[0]).text;
  // Once more by a slower minifier: 3 % less, which every page loads
  const { code } = await minify(bundled, {
    module: true,
    ecma: 2020,
    compress: { passes: 2, hoist_funs: true, pure_getters: true },
    mangle: { properties: { regex: new RegExp(`^(${innerNames().join("|")})$`), keep_quoted: true } },
  });
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `/*! Clarion ${version}, Apache-2.0 */\n${code}\n`);
}

/** @param {import("esbuild").PluginBuild} plugin */
function minifySheets(plugin) {
  plugin.onLoad({ filter: /[\\/]inbox[\\/]style[\\/]/ }, async ({ path }) => ({
    contents: await withSmallSheets(await readFile(path, "utf8")),
  }));
}
