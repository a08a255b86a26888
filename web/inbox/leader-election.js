/**
 * Elements that show one feed, such as a bell and an inbox on one page: what must happen once for
 * the feed is done by the first of them that can be seen.
 *
 * @typedef {import("../client/clarion.js").Clarion} Clarion
 */
export class LeaderElection {
  /** @type {WeakMap<Clarion, Set<Element>>} */
  #elements = new WeakMap();

  /**
   * @param {Clarion} client
   * @param {Element} element
   * @returns {() => void}  takes it out again
   */
  register(client, element) {
    const candidates = this.#elements.get(client) ?? new Set();
    this.#elements.set(client, candidates.add(element));
    return () => candidates.delete(element);
  }

  /**
   * @param {Clarion} client
   * @param {Element} element
   */
  isLeading(client, element) {
    const candidates = [...(this.#elements.get(client) ?? [])];
    return candidates.find((one) => one.checkVisibility({ visibilityProperty: true })) === element;
  }
}
