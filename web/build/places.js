import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const WEB = dirname(dirname(fileURLToPath(import.meta.url)));
export const ROOT = dirname(WEB);
export const DIST = join(ROOT, "dist");

/** The packages `@clarion/...`, each after those that it needs, and the module each begins with. */
export const ENTRIES = /** @type {Record<string, string>} */ ({
  client: "clarion.js",
  inbox: "index.js",
  react: "index.js",
  vue: "index.js",
});
export const NAMES = Object.keys(ENTRIES);
