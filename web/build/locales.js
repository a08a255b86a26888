/**
 * Fails where a language of `inbox/locales` lacks a word, a plural form that its numbers need, or a
 * placeholder.
 *
 *     node web/build/locales.js [FOLDER]
 */

import { readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { argv } from "node:process";
import { pathToFileURL } from "node:url";

import { words } from "../inbox/messages.js";
import { WEB } from "./places.js";

/** @typedef {{[name: string]: string | Table}} Table */

const COUNTS = [...Array(201).keys(), 1_000_000];
/** Names of the page's own, which no language knows. */
const OPEN = ["labels"];

const folder = resolve(argv[2] ?? join(WEB, "inbox", "locales"));
const files = readdirSync(folder).filter((file) => file.endsWith(".js"));
/** @type {string[]} */
const faults = [];

for (const file of files) {
  const table = (await import(pathToFileURL(join(folder, file)).href)).default;
  const language = file.replace(".js", "");
  compare(words, table, `${language}:`, new Intl.PluralRules(language));
}
for (const fault of faults) console.error(fault);
if (faults.length || files.length === 0) process.exit(1);
console.log(`${files.length} languages say everything.`);

/**
 * @param {Table} english
 * @param {Table} theirs
 * @param {string} place
 * @param {Intl.PluralRules} rules
 */
function compare(english, theirs, place, rules) {
  for (const [name, ours] of Object.entries(english)) {
    const said = theirs[name];
    if (name === "direction" || OPEN.includes(name)) continue;
    if (said === undefined || said === "") faults.push(`${place} "${name}" is missing`);
    else if (isPhrase(ours)) comparePhrase(ours, said, `${place} "${name}"`, rules);
    else if (typeof said === "string") faults.push(`${place} "${name}" is a table in English`);
    else compare(/** @type {Table} */ (ours), said, `${place} ${name}:`, rules);
  }
}

/**
 * @param {string | Table} ours
 * @param {string | Table} said
 * @param {string} place
 * @param {Intl.PluralRules} rules
 */
function comparePhrase(ours, said, place, rules) {
  const known = holes(typeof ours === "string" ? ours : String(ours["other"]));
  const forms = typeof said === "string" ? { other: said } : said;
  if (typeof said !== "string") {
    for (const form of new Set(COUNTS.map((count) => rules.select(count)))) {
      if (!forms[form]) faults.push(`${place} lacks the plural form "${form}"`);
    }
  }
  for (const [form, text] of Object.entries(forms)) {
    const used = holes(String(text));
    // "One new notification" needs no number; whose it is, it does
    const needed = form === "other" ? known : known.filter((hole) => hole !== "count");
    for (const hole of needed) if (!used.includes(hole)) faults.push(`${place} ${form} lacks {${hole}}`);
    for (const hole of used) if (!known.includes(hole)) faults.push(`${place} ${form} has {${hole}}`);
  }
}

/** @param {string | Table} value */
function isPhrase(value) {
  return typeof value === "string" || "other" in value;
}

/** @param {string} text */
function holes(text) {
  return [...text.matchAll(/\{(\w+)\}/g)].map((match) => String(match[1]));
}
