/**
 * Elements that show one feed, such as a bell and an inbox on one page: what must happen once for
 * the feed is done by the first of them that can be seen.
 *
 * @typedef {import("../client/clarion.js").Clarion} Clarion
 */
export class Turns {
  /** @type {WeakMap<Clarion, Set<Element>>} */
  #elements = new WeakMap();

  /**
   * @param {Clarion} client
   * @param {Element} element
   * @returns {() => void}  takes it out again
   */
  join(client, element) {
    const joined = this.#elements.get(client) ?? new Set();
    this.#elements.set(client, joined.add(element));
    return () => joined.delete(element);
  }

  /**
   * @param {Clarion} client
   * @param {Element} element
   */
  isTurnOf(client, element) {
    const joined = [...(this.#elements.get(client) ?? [])];
    return joined.find((one) => one.checkVisibility({ visibilityProperty: true })) === element;
  }
}
