import { posix } from "node:path";

import { ENTRIES } from "./places.js";

const RELATIVE = /(["'])(\.\.\/[\w./-]+)\1/g;

/**
 * A module in which `../client/...` is `@clarion/client`: within this checkout the packages find each
 * other by path, so that a page needs no build step.
 *
 * @param {string} text
 * @param {string} name  of its package
 * @param {string} file  within the package
 */
export function withPackageNames(text, name, file) {
  return text.replace(RELATIVE, (whole, _quote, path, /** @type {number} */ at) => {
    const target = posix.join(name, posix.dirname(file.replaceAll("\\", "/")), path);
    const [owner = "", ...inner] = target.split("/");
    if (owner === name || !(owner in ENTRIES)) return whole;
    const line = text.slice(text.lastIndexOf("\n", at) + 1, at);
    const isType = file.endsWith(".d.ts") || /^\s*(\/\*\*|\*)/.test(line) || line.includes("/** @");
    if (!isType && inner.join("/") !== ENTRIES[owner]) {
      throw new Error(`${name}/${file} imports ${path}, which @clarion/${owner} does not export.`);
    }
    return `"@clarion/${owner}"`;
  });
}
