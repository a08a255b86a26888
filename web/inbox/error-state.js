/**
 * @typedef {import("../client/connection-types.js").StateChange} StateChange
 * @typedef {import("./messages.js").Words} Words
 */

/**
 * Why the feed does not come, as a sentence; null while it does or is about to.
 *
 * @param {StateChange} connection
 * @param {Words} words
 * @returns {import("./shell.js").ErrorState | null}
 */
export function errorStateOf({ state, code, detail }, words) {
  if (state === "refused" || state === "signed-out") {
    const text = words.reasons[code ?? ""] ?? detail ?? words.away;
    return { text, retry: code !== "token_revoked" }; // which another try does not change
  }
  if (state === "closed") return { text: words.away, retry: true };
  if (state !== "waiting" && state !== "offline") return null;
  return { text: words.reasons[code ?? ""] ?? words.away, retry: false };
}
