import { CHECK_EVERY_MS, PONG_TIMEOUT_MS, SILENCE_MS_PER_HEARTBEAT_S, SLEEP_THRESHOLD_MS } from "./limits.js";

/**
 * Notices a connection that died without a word: a silence of one and a half heartbeats is asked
 * about, and no answer to that is the end. A timer that fires late tells of a sleep, after which
 * it asks at once; so it does where the clock was set back, for how long it was silent is not known.
 * A browser does not show WebSocket pings to a page.
 *
 * @param {ReturnType<typeof import("./timer.js").timer>} next  for this alone, stopped by its giver
 * @param {() => void} ping
 * @param {() => void} onDead
 * @returns what to call when something came, and when there is reason to doubt
 */
export function heartbeat(next, ping, onDead) {
  let silenceLimitMs = 0;
  let heardAt = 0;

  function check(due = Infinity) {
    const now = Date.now();
    const left = heardAt + silenceLimitMs - now;
    const wait = Math.min(left, CHECK_EVERY_MS);
    if (left <= 0 || left > silenceLimitMs || now - due > SLEEP_THRESHOLD_MS) probe();
    else next(wait, () => check(now + wait));
  }

  /** Ask now: there is reason to doubt. */
  function probe() {
    next(PONG_TIMEOUT_MS, onDead);
    ping();
  }

  /** Something came. @param {number} heartbeatS  as the server's `welcome` says */
  function onHeartbeat(heartbeatS) {
    silenceLimitMs = heartbeatS * SILENCE_MS_PER_HEARTBEAT_S;
    heardAt = Date.now();
    check();
  }

  return /** @type {const} */ ([onHeartbeat, probe]);
}
