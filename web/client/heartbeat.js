import { LOOK_EVERY_MS, PONG_WITHIN_MS, QUIET_MS_A_HEARTBEAT_S, SLEPT_MS } from "./limits.js";

/**
 * Notices a connection that died without a word: a silence of one and a half heartbeats is asked
 * about, and no answer to that is the end. A timer that fires late tells of a sleep, after which
 * it asks at once; so it does where the clock was set back, for how long it was silent is not known.
 * A browser does not show WebSocket pings to a page.
 *
 * @param {ReturnType<typeof import("./timer.js").timer>} next  for this alone, stopped by its giver
 * @param {() => void} ping
 * @param {() => void} dead
 * @returns what to call when something came, and when there is reason to doubt
 */
export function heartbeat(next, ping, dead) {
  let quietMs = 0;
  let heardAt = 0;

  function look(due = Infinity) {
    const now = Date.now();
    const left = heardAt + quietMs - now;
    const wait = Math.min(left, LOOK_EVERY_MS);
    if (left <= 0 || left > quietMs || now - due > SLEPT_MS) probe();
    else next(wait, () => look(now + wait));
  }

  /** Ask now: there is reason to doubt. */
  function probe() {
    next(PONG_WITHIN_MS, dead);
    ping();
  }

  /** Something came. @param {number} heartbeatS  as the server's `welcome` says */
  function heard(heartbeatS) {
    quietMs = heartbeatS * QUIET_MS_A_HEARTBEAT_S;
    heardAt = Date.now();
    look();
  }

  return /** @type {const} */ ([heard, probe]);
}
