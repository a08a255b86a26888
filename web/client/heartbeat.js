/** @typedef {{ping: () => void, dead: () => void}} HeartbeatActions */

const PONG_WITHIN_MS = 10_000;
const PROBE_WITHIN_MS = 5_000;
const FIRST_GUESS_MS = 25_000;

/**
 * Notices a connection that died without a word: a silence of one and a half heartbeats is asked
 * about, and no answer to that is the end. A browser does not show WebSocket pings to a page.
 */
export class Heartbeat {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #quietMs = FIRST_GUESS_MS * 1.5;
  #lastHeard = 0;
  #asked = false;

  /** @param {HeartbeatActions} actions */
  constructor(actions) {
    this.actions = actions;
  }

  /** @param {number} heartbeatMs  as the server's `welcome` says */
  expect(heartbeatMs) {
    this.#quietMs = heartbeatMs * 1.5;
    this.start();
  }

  start() {
    this.heard();
    this.#listenFor(this.#quietMs);
  }

  stop() {
    clearTimeout(this.#timer);
    this.#asked = false;
  }

  /** Something came. One timer serves for all: it looks at this when it fires. */
  heard() {
    this.#lastHeard = performance.now();
    if (!this.#asked) return;
    this.#asked = false;
    this.#listenFor(this.#quietMs);
  }

  /** Ask now: there is reason to doubt. */
  probe() {
    if (!this.#asked) this.#ask(PROBE_WITHIN_MS);
  }

  /** @param {number} ms */
  #listenFor(ms) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      const quiet = performance.now() - this.#lastHeard;
      if (quiet >= this.#quietMs) this.#ask(PONG_WITHIN_MS);
      else this.#listenFor(this.#quietMs - quiet);
    }, ms);
  }

  /** @param {number} withinMs */
  #ask(withinMs) {
    clearTimeout(this.#timer);
    this.#asked = true;
    this.#timer = setTimeout(this.actions.dead, withinMs);
    this.actions.ping();
  }
}
