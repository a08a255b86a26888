/** @typedef {import("../client/clarion.js").Clarion} Clarion */

import { Timers } from "./timers.js";

const BATCH_WINDOW_MS = 1_000;

/** Tells the server what has come into view, in one command a second. */
export class SeenTracker {
  /** @type {Set<string>} */
  #ids = new Set();
  #timers = new Timers();

  /**
   * @param {Clarion | null} client
   * @param {string} id
   */
  track(client, id) {
    this.#ids.add(id);
    this.#timers.startOnce("tell", BATCH_WINDOW_MS, () => {
      const ids = [...this.#ids];
      this.#ids.clear();
      client?.seen(ids).catch(() => {}); // told again when it is shown again
    });
  }

  reset() {
    this.#timers.stopAll();
    this.#ids.clear();
  }
}
