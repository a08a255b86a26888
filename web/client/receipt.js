/** @typedef {(frame: {type: "ack", version: number}) => void} Send */

const AT_MOST_EVERY_MS = 1_000;

/**
 * Tells the server what this page has handled, for the history; at most once a second, and the
 * last version only.
 */
export class Receipt {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #handled = 0;
  #told = 0;

  /** @param {Send} send */
  constructor(send) {
    this.send = send;
  }

  /** All up to this version was handled on the present connection. @param {number} version */
  handled(version) {
    this.#handled = version;
    if (version <= this.#told || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#told = this.#handled;
      this.send({ type: "ack", version: this.#handled });
    }, AT_MOST_EVERY_MS);
  }

  /** The connection is gone; the next has a receipt of its own. */
  lost() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#told = 0;
  }
}
