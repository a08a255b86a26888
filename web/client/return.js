/**
 * Whether and when to come back after a connection has ended.
 *
 * @typedef {{baseMs: number, capMs: number}} Backoff
 * @typedef {{then: "retry" | "renew" | "stay_away", code: string, detail: string, leastMs: number}} Ending
 *   `renew`: come back with a new token; `code` is stable, `detail` a sentence for a person
 */

const TOO_MANY_FRAMES = 4429;
const TOKEN_REFUSED = 4401;
const UNCLEAR = "Client and server do not understand each other.";

/** Those after which nobody comes back: a code and a sentence. @type {Record<number, [string, string]>} */
const FINAL = {
  1002: ["protocol_error", UNCLEAR],
  1003: ["unsupported_data", UNCLEAR],
  1007: ["invalid_utf8", UNCLEAR],
  4403: ["forbidden", "This page may not open this feed."],
  4409: ["too_many_sessions", "Too many windows are connected."],
  4413: ["frame_too_large", "A command was too large."],
};

/**
 * @param {number} closeCode
 * @param {string} reason  the server's word for it
 * @returns {Ending}
 */
export function ending(closeCode, reason) {
  const [code, detail] = FINAL[closeCode] ?? [];
  if (code && detail) return { then: "stay_away", code, detail, leastMs: 0 };
  if (reason === "token_revoked") {
    return { then: "stay_away", code: reason, detail: "Your access was revoked.", leastMs: 0 };
  }
  if (closeCode === TOKEN_REFUSED) {
    const sentence = "The token was refused or has expired.";
    return { then: "renew", code: "token_refused", detail: sentence, leastMs: 0 };
  }
  const leastMs = closeCode === TOO_MANY_FRAMES ? 10_000 : 0;
  return { then: "retry", code: reason || "lost", detail: "The connection was lost.", leastMs };
}

/**
 * Full jitter: any time from now to a bound that doubles with each failure, so that a crowd that
 * lost one server does not come back as one.
 *
 * @param {number} failures  in a row, the first is 1
 * @param {Backoff} backoff
 */
export function jittered(failures, backoff) {
  return Math.random() * Math.min(backoff.capMs, backoff.baseMs * 2 ** Math.min(failures, 20));
}
