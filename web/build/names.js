import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

import { WEB } from "./places.js";

/**
 * Properties that only our own modules use with each other: the bundle calls them by shorter names.
 * None is a page's, a browser's, a server's or another tab's, and none is made out of a string.
 */
const INNER = `adopt all announce apply arrange attachTo canReadAll categories changeView clampedElements
  current dismiss elect errorState fail focusNewest followItems follows gapsBetween hasMore hint includesIndex
  isExternal isKnown isLeader isLeading isLoading isOn isRefused issue itemCount loadOlder menuButton moveTo
  observeEnd observeGaps onAction onEmptied onOpen onSeen onTop openActions openAll ownFeed page post refusal
  refuse register renew renewInMs reorderChildren resign restart sentinel setPosition showArrivals startOnce
  stopAll tick toggleExpanded tokens track updateMoreButton updateTimes viewModel visibleRanges`.split(/\s+/);

/** What is said to servers, pages and translators. */
const TOLD = ["client/frames.js", "inbox/messages.js", "inbox/elements.d.ts"];
/** What a page holds in its hands. */
const PUBLIC = ["client/clarion.js", "client/errors.js", "inbox/feed-element.js", "inbox/bell.js", "inbox/inbox.js"];

/** Those names, once it is sure that nobody else knows them; terser itself leaves alone what browsers know. */
export function innerNames() {
  const all = ["client", "inbox", "inbox/bundle"].flatMap((folder) =>
    readdirSync(join(WEB, folder))
      .filter((file) => file.endsWith(".js"))
      .map((file) => join(folder, file)),
  );
  const sources = all
    .map(read)
    .join("\n")
    .replace(/\/\*[^]*?\*\//g, ""); // types quote names too
  const told = TOLD.map(read).join("\n");
  const members = PUBLIC.map(read)
    .join("\n")
    .matchAll(/^ {2}(?:static |async |get |set )*(\w+)(?:\(| =|;)/gm);
  const known = new Set([...members].map((match) => match[1]));
  for (const name of INNER) {
    const isOthers = known.has(name) || new RegExp(`\\b${name}\\??:`).test(told);
    if (isOthers || new RegExp(`(["'\`])${name}\\1`).test(sources)) {
      throw new Error(`"${name}" is known outside of our modules: take it from INNER in web/build/names.js.`);
    }
  }
  return INNER;
}

/** @param {string} file */
function read(file) {
  return readFileSync(join(WEB, file), "utf8");
}
