/** What the keys of a focused row stand for. */

/** @type {Record<string, number>} */
const STEPS = { ArrowDown: 1, ArrowUp: -1, PageDown: 5, PageUp: -5, Home: -Infinity, End: Infinity };

/** How many rows the focus moves; none for other keys. @param {string} key */
export const stepOfKey = (key) => STEPS[key];

/**
 * @param {string} key
 * @param {import("../client/frames.js").Item} item
 * @returns {"archive" | "unarchive" | "snooze" | "toggle" | undefined}
 */
export function commandOfKey(key, { archived_at }) {
  if (key === "e") return archived_at ? "unarchive" : "archive";
  if (key === "s" && !archived_at) return "snooze";
  return key === "u" ? "toggle" : undefined;
}
