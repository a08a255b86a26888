/** @typedef {import("../client/clarion.js").Clarion} Clarion */

import { Timers } from "./timers.js";

const TOGETHER_MS = 1_000;

/** Tells the server what has come into view, in one command a second. */
export class Sightings {
  /** @type {Set<string>} */
  #ids = new Set();
  #timers = new Timers();

  /**
   * @param {Clarion | null} client
   * @param {string} id
   */
  note(client, id) {
    this.#ids.add(id);
    this.#timers.soon("tell", TOGETHER_MS, () => {
      const ids = [...this.#ids];
      this.#ids.clear();
      client?.seen(ids).catch(() => {}); // told again when it is shown again
    });
  }

  stop() {
    this.#timers.stopAll();
    this.#ids.clear();
  }
}
