import { execFileSync } from "node:child_process";
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, sep } from "node:path";
import { env, execPath } from "node:process";

import { SOURCE, buildBundle } from "./bundle.js";
import { DIST, NAMES, ROOT, WEB } from "./places.js";
import { withPackageNames } from "./specifiers.js";
import { withSmallSheets } from "./styles.js";

/**
 * All packages as npm packs them, and the bundle for a page without any.
 *
 * @param {string} [folder]  emptied first
 */
export async function packAll(folder = DIST) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const types = declarations();
  for (const name of NAMES) await build(name, types);
  rmSync(types, { recursive: true });
  const sources = NAMES.map((name) => join(WEB, name));
  const packed = ["pack", "--ignore-scripts", "--silent", "--pack-destination", folder];
  execFileSync("npm", [...packed, ...sources], { cwd: WEB, stdio: ["ignore", "ignore", "inherit"] });
  copyFileSync(join(WEB, "inbox", "dist", "clarion.js"), join(folder, "clarion.js"));
  cpSync(join(WEB, "inbox", "locales"), join(folder, "locales"), { recursive: true });
  for (const file of readdirSync(folder)) console.log(join(folder, file));
}

/**
 * The folder `dist` of one package.
 *
 * @param {string} name
 */
export async function buildPackage(name) {
  const types = declarations();
  await build(name, types);
  rmSync(types, { recursive: true });
}

/**
 * @param {string} name
 * @param {string} types  where the declarations of all are
 */
async function build(name, types) {
  const source = join(WEB, name);
  const dist = join(source, "dist");
  rmSync(dist, { recursive: true, force: true });
  for (const file of modulesOf(source)) {
    if (dirname(join(source, file)) === SOURCE) continue; // built into one file
    const text = await withSmallSheets(readFileSync(join(source, file), "utf8"));
    write(join(dist, file), withPackageNames(text, name, file));
  }
  for (const file of modulesOf(join(types, name))) {
    write(join(dist, file), withPackageNames(readFileSync(join(types, name, file), "utf8"), name, file));
  }
  if (name === "inbox") await buildBundle(join(dist, "clarion.js"));
  copyFileSync(join(ROOT, "LICENSE"), join(source, "LICENSE"));
}

/** What `tsc` makes of all sources' comments, in a folder of its own. */
function declarations() {
  const folder = mkdtempSync(join(tmpdir(), "clarion-types-"));
  const tsc = join(ROOT, "node_modules", "typescript", "bin", "tsc");
  const project = ["--project", join(WEB, "tsconfig.types.json"), "--outDir", folder];
  execFileSync(execPath, [tsc, ...project], { stdio: ["ignore", 2, 2], env });
  return folder;
}

/** Modules and hand-written declarations, but for what was built. @param {string} folder */
function modulesOf(folder) {
  return readdirSync(folder, { recursive: true })
    .map(String)
    .filter((file) => /\.js$|\.d\.ts$/.test(file) && !/^(dist|node_modules|types)$/.test(file.split(sep)[0] ?? ""));
}

/**
 * @param {string} file
 * @param {string} text
 */
function write(file, text) {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}
