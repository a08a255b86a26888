/** Named timers: one that runs is not started again, and all end together. */
export class Timers {
  /** @type {Map<string, ReturnType<typeof setTimeout>>} */
  #running = new Map();

  /**
   * @param {string} name
   * @param {number} ms
   * @param {() => void} act
   */
  startOnce(name, ms, act) {
    if (this.#running.has(name)) return;
    const timer = setTimeout(() => {
      this.#running.delete(name);
      act();
    }, ms);
    this.#running.set(name, timer);
  }

  /** Once nothing has asked for it for this long. @type {Timers["startOnce"]} */
  restart(name, ms, act) {
    this.stop(name);
    this.startOnce(name, ms, act);
  }

  /** @param {string} name */
  stop(name) {
    clearTimeout(this.#running.get(name));
    this.#running.delete(name);
  }

  stopAll() {
    for (const name of this.#running.keys()) this.stop(name);
  }
}
