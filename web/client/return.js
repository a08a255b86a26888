/**
 * Whether and when to come back after a connection has ended.
 *
 * @typedef {object} CloseRule
 * @property {"retry" | "renew" | "stay_away"} then  `renew`: come back with a new token
 * @property {string} code  stable
 * @property {string} detail  a sentence for a person
 * @property {number} leastMs  wait at least this long
 *
 * @typedef {{baseMs: number, capMs: number}} Backoff
 */

/**
 * @param {CloseRule["then"]} then
 * @param {string} code
 * @param {string} detail
 * @param {number} [leastMs]
 * @returns {CloseRule}
 */
const rule = (then, code, detail, leastMs = 0) => ({ then, code, detail, leastMs });

const DEFECT = rule("stay_away", "protocol_error", "Client and server do not understand each other.");
const LOST = rule("retry", "lost", "The connection was lost.");

/** @type {Record<number, CloseRule>} */
const CLOSE_RULES = {
  1002: DEFECT,
  1003: DEFECT,
  1007: DEFECT,
  1012: rule("retry", "going_away", "The server is restarting."),
  1013: rule("retry", "try_again_later", "The server is busy."),
  4008: rule("retry", "too_slow", "This page read too slowly; it resumes."),
  4401: rule("renew", "token_refused", "The token was refused or has expired."),
  4403: rule("stay_away", "forbidden", "This page may not open this feed."),
  4408: rule("retry", "auth_timeout", "The token did not arrive in time."),
  4409: rule("stay_away", "too_many_sessions", "Too many windows are connected."),
  4413: rule("stay_away", "frame_too_large", "A command was too large."),
  4429: rule("retry", "too_many_frames", "Too many commands in a minute.", 10_000),
};

/**
 * @param {number} closeCode
 * @returns {CloseRule}
 */
export function closeRule(closeCode) {
  return CLOSE_RULES[closeCode] ?? LOST;
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
