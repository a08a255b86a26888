/**
 * Builds the packages. `npm pack` in the folder of one does the same for that one.
 *
 *     node web/build/main.js                  all of them into dist/, packed, and web/bundle
 *     node web/build/main.js all FOLDER       the first into this folder instead
 *     node web/build/main.js bundle [FILE]    web/bundle, or this file, alone
 *     node web/build/main.js inbox            web/inbox/dist alone
 */

import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { argv, env, execPath } from "node:process";

import { NAMES, ROOT } from "./places.js";

/** A fresh checkout has Node and npm only; the lock says what else is needed. */
function bringTools() {
  const tools = ["esbuild", "terser", "typescript"];
  if (tools.every((name) => existsSync(`${ROOT}/node_modules/${name}`))) return;
  const npm = env["npm_execpath"];
  const [program, first] = npm ? [execPath, [npm]] : ["npm", []];
  // `npm pack` says in its environment where and what it packs, which is not meant for this one
  const clean = Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith("npm_")));
  const output = /** @type {const} */ (["ignore", 2, 2]); // what `npm pack` prints is for programs
  execFileSync(program, [...first, "ci", "--ignore-scripts"], { cwd: ROOT, env: clean, stdio: [...output] });
}

const [chosen, place, ...more] = argv.slice(2);
const isKnown = !chosen || ["all", "bundle", ...NAMES].includes(chosen);
const takesPlace = chosen === "all" || chosen === "bundle";
if (!isKnown || more.length || (place && !takesPlace)) {
  console.error(`usage: node web/build/main.js [all FOLDER | bundle [FILE] | ${NAMES.join(" | ")}]`);
  process.exit(2);
}
bringTools();
const { packAll, buildPackage } = await import("./packages.js");
const { buildBundle } = await import("./bundle.js");
if (!chosen || chosen === "bundle") await buildBundle(place);
if (!chosen || chosen === "all") await packAll(place);
else if (chosen !== "bundle") await buildPackage(chosen);
