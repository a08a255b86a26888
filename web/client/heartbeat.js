const PONG_WITHIN_MS = 10_000;
const PROBE_WITHIN_MS = 5_000;
const FIRST_GUESS_MS = 25_000;
const LOOK_EVERY_MS = 10_000;
const SLEPT_MS = 5_000;

/**
 * Notices a connection that died without a word: a silence of one and a half heartbeats is asked
 * about, and no answer to that is the end. A timer that fires late tells of a sleep, after which
 * it asks at once. A browser does not show WebSocket pings to a page.
 *
 * @param {() => void} ping
 * @param {() => void} dead
 */
export function heartbeat(ping, dead) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let quietMs = 0;
  let lastHeard = 0;
  let asked = false;

  /** @param {number} ms */
  function look(ms) {
    clearTimeout(timer);
    const due = Date.now() + ms;
    timer = setTimeout(() => {
      const now = Date.now();
      const left = quietMs - (now - lastHeard);
      if (now - due > SLEPT_MS) ask(PROBE_WITHIN_MS);
      else if (left <= 0) ask(PONG_WITHIN_MS);
      else look(Math.min(left, LOOK_EVERY_MS));
    }, ms);
  }

  /** @param {number} withinMs */
  function ask(withinMs) {
    if (asked) return;
    clearTimeout(timer);
    asked = true;
    timer = setTimeout(dead, withinMs);
    ping();
  }

  return {
    /** @param {number} [heartbeatMs]  as the server's `welcome` says */
    start(heartbeatMs = FIRST_GUESS_MS) {
      quietMs = heartbeatMs * 1.5;
      lastHeard = Date.now();
      asked = false;
      look(Math.min(quietMs, LOOK_EVERY_MS));
    },

    stop: () => clearTimeout(timer),

    /** Something came. One timer serves for all: it looks at this when it fires. */
    heard() {
      lastHeard = Date.now();
      if (asked) look(LOOK_EVERY_MS);
      asked = false;
    },

    /** Ask now: there is reason to doubt. */
    probe: () => ask(PROBE_WITHIN_MS),
  };
}
