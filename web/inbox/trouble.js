/**
 * @typedef {import("../client/connection.js").StateChange} StateChange
 * @typedef {import("./words.js").Words} Words
 */

/**
 * Why the feed does not come, as a sentence; null while it does or is about to.
 *
 * @param {StateChange} connection
 * @param {Words} words
 * @returns {import("./frame.js").Trouble | null}
 */
export function troubleOf({ state, code, detail }, words) {
  if (state === "refused") {
    return { text: words.reasons[code ?? ""] ?? detail ?? words.away, retry: true };
  }
  if (state === "closed") return { text: words.away, retry: true };
  return state === "waiting" || state === "offline" ? { text: words.away, retry: false } : null;
}
