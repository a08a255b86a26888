import { element } from "./element.js";
import { Timers } from "./timers.js";
import { Turns } from "./turns.js";

/**
 * @typedef {import("../client/clarion.js").Clarion} Clarion
 * @typedef {import("../client/frames.js").Item} Item
 * @typedef {import("./feed-element.js").FeedElement} FeedElement
 */

const TOGETHER_MS = 500;
const voices = new Turns();

/**
 * Tells of new items: one polite sentence for all that came together, said once however many
 * elements of the page show the feed.
 */
export class Herald {
  element = element("p", { class: "spoken", "aria-live": "polite" });
  #owner;
  #shown;
  /** Each once, though it may be heard of in two ways. @type {Map<string, Item>} */
  #arrived = new Map();
  /** @type {Set<string>} */
  #asleep = new Set();
  #timers = new Timers();

  /**
   * @param {FeedElement} owner
   * @param {(items: Item[]) => void} shown  the same, for the eye
   */
  constructor(owner, shown) {
    this.#owner = owner;
    this.#shown = shown;
  }

  /**
   * @param {Clarion} client
   * @returns {(() => void)[]}  each lets go of something
   */
  follow(client) {
    return [
      voices.join(client, this.#owner),
      client.on("notification", ({ item }) => this.#heard(client, item)),
      client.on("change", () => this.#lookForWoken(client)),
      () => this.clear(),
    ];
  }

  /** What was said was for somebody else. */
  clear() {
    this.#timers.stopAll();
    this.#arrived.clear();
    this.#asleep.clear();
    this.element.textContent = "";
  }

  /** Said aloud by a screen reader when it has the time. @param {string} sentence */
  say(sentence) {
    const again = this.element.textContent === sentence;
    this.element.textContent = again ? `${sentence}\u00a0` : sentence;
  }

  /**
   * @param {Clarion} client
   * @param {Item} item
   */
  #heard(client, item) {
    if (item.archived_at || item.snoozed_until || item.read_at) return;
    this.#arrived.set(item.id, item);
    this.#timers.soon("tell", TOGETHER_MS, () => {
      const items = [...this.#arrived.values()];
      this.#arrived.clear();
      this.#tell(client, items);
    });
  }

  /**
   * One that was snoozed comes back unseen; one that a person brought back does not.
   *
   * @param {Clarion} client
   */
  #lookForWoken(client) {
    for (const id of this.#asleep) {
      const item = client.item(id);
      if (item?.snoozed_until) continue;
      this.#asleep.delete(id);
      if (item && !item.seen_at) this.#heard(client, item);
    }
    for (const item of client.items) if (item.snoozed_until) this.#asleep.add(item.id);
  }

  /**
   * @param {Clarion} client
   * @param {Item[]} items
   */
  #tell(client, items) {
    const { words } = this.#owner;
    const title = items.at(-1)?.title ?? "";
    const phrase = items.length === 1 ? words.arrived : words.arrivedTogether;
    const sentence = this.#owner.fill(phrase, { count: items.length, title });
    if (voices.isTurnOf(client, this.#owner)) this.say(sentence);
    this.#shown(items);
  }
}
