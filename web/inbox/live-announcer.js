import { element } from "./element.js";
import { Timers } from "./timers.js";
import { LeaderElection } from "./leader-election.js";

/**
 * @typedef {import("../client/clarion.js").Clarion} Clarion
 * @typedef {import("../client/frames.js").Item} Item
 * @typedef {import("./feed-element.js").FeedElement} FeedElement
 */

const BATCH_WINDOW_MS = 500;
const announcers = new LeaderElection();

/**
 * Tells of new items: one polite sentence for all that came together, said once however many
 * elements of the page show the feed.
 */
export class LiveAnnouncer {
  element = element("p", { class: "spoken", "aria-live": "polite" });
  #owner;
  #onAnnounced;
  /** Each once. @type {Map<string, Item>} */
  #arrived = new Map();
  #timers = new Timers();

  /**
   * @param {FeedElement} owner
   * @param {(items: Item[]) => void} shown  the same, for the eye
   */
  constructor(owner, shown) {
    this.#owner = owner;
    this.#onAnnounced = shown;
  }

  /**
   * @param {Clarion} client
   * @returns {(() => void)[]}  each lets go of something
   */
  attachTo(client) {
    return [
      announcers.register(client, this.#owner),
      client.on("notification", ({ item }) => this.#onArrival(client, item)),
      () => this.reset(),
    ];
  }

  /** What was said was for somebody else. */
  reset() {
    this.#timers.stopAll();
    this.#arrived.clear();
    this.element.textContent = "";
  }

  /** Said aloud by a screen reader when it has the time. @param {string} sentence */
  announce(sentence) {
    const again = this.element.textContent === sentence;
    this.element.textContent = again ? `${sentence}\u00a0` : sentence;
  }

  /**
   * @param {Clarion} client
   * @param {Item} item
   */
  #onArrival(client, item) {
    if (item.archived_at || item.snoozed_until || item.read_at) return;
    this.#arrived.set(item.id, item);
    this.#timers.startOnce("tell", BATCH_WINDOW_MS, () => {
      const items = [...this.#arrived.values()];
      this.#arrived.clear();
      this.#announceBatch(client, items);
    });
  }

  /**
   * @param {Clarion} client
   * @param {Item[]} items
   */
  #announceBatch(client, items) {
    const { words } = this.#owner;
    const title = items.at(-1)?.title ?? "";
    const phrase = items.length === 1 ? words.arrived : words.arrivedTogether;
    const sentence = this.#owner.fill(phrase, { count: items.length, title });
    if (announcers.isLeading(client, this.#owner)) this.announce(sentence);
    this.#onAnnounced(items);
  }
}
