/**
 * What a bell with an inbox costs a page, ours and others': lines to write, bytes to load.
 *
 *     make peers     builds ours, installs theirs as the lock says, measures, keeps it beside this
 *
 * Each of `pages/` is a whole page of its vendor's documentation for React. React itself is left
 * out, for the page has it; styles that are files of their own count.
 */

import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const HERE = dirname(fileURLToPath(import.meta.url));
const WEB = join(HERE, "..", "..", "web");
const KIB = 1024;

const packed = mkdtempSync(join(tmpdir(), "clarion-packages-"));
execFileSync(process.execPath, [join(WEB, "build", "main.js"), "all", packed], { stdio: "ignore" });
rmSync(packed, { recursive: true });
execFileSync("npm", ["ci", "--ignore-scripts", "--silent"], { cwd: HERE, stdio: "inherit" });
const { build } = await import("esbuild");
const { dependencies } = JSON.parse(readFileSync(join(HERE, "package.json"), "utf8"));
const { version } = JSON.parse(readFileSync(join(WEB, "react", "package.json"), "utf8"));

/** @param {string} file */
async function measured(file) {
  const page = join(HERE, "pages", file);
  const text = readFileSync(page, "utf8");
  const source = file.endsWith(".html") ? [readFileSync(join(WEB, "bundle", "clarion.js"))] : await bundled(page);
  return {
    name: file.replace(/\.\w+$/, ""),
    from: named(text),
    lines: text.split("\n").filter((line) => line.trim()).length,
    gzip_kib: round(source.reduce((sum, part) => sum + gzipSync(part, { level: 9 }).length, 0) / KIB),
  };
}

/** @param {string} page */
async function bundled(page) {
  const { outputFiles } = await build({
    entryPoints: [page],
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    jsx: "automatic",
    write: false,
    outdir: HERE,
    external: ["react", "react-dom", "react/jsx-runtime", "react-dom/client"],
    define: { "process.env.NODE_ENV": '"production"' },
    loader: { ".svg": "dataurl", ".png": "dataurl", ".woff2": "dataurl" },
    alias: { "@clarion/react": join(WEB, "react", "dist", "index.js") },
    nodePaths: [join(HERE, "node_modules")],
    plugins: [{ name: "ours", setup: ours }],
    logLevel: "error",
  });
  return outputFiles.map((file) => file.contents);
}

/** Our packages are those that were built. @param {import("esbuild").PluginBuild} plugin */
function ours(plugin) {
  plugin.onResolve({ filter: /^@clarion\/(client|inbox)$/ }, ({ path }) => {
    const name = path.split("/")[1];
    const entry = name === "client" ? "clarion.js" : "index.js";
    return { path: join(WEB, String(name), "dist", entry) };
  });
}

/** @param {string} text */
function named(text) {
  const found = /from "(@[\w-]+\/[\w-]+)/.exec(text)?.[1] ?? "";
  return found in dependencies ? `${found} ${dependencies[found]}` : `Clarion ${version}`;
}

/** @param {number} number */
function round(number) {
  return Math.round(number * 10) / 10;
}

const rows = [];
for (const file of readdirSync(join(HERE, "pages"))) rows.push(await measured(file));
rows.sort((one, other) => one.gzip_kib - other.gzip_kib);
const date = new Date().toISOString().slice(0, 10);
writeFileSync(join(HERE, "latest.json"), `${JSON.stringify({ date, rows }, null, 2)}\n`);
console.log("| page | package | lines | gzip, KiB |\n|---|---|--:|--:|");
for (const row of rows) console.log(`| ${row.name} | ${row.from} | ${row.lines} | ${row.gzip_kib} |`);
