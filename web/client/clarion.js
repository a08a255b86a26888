/**
 * The Clarion client: a subscriber's feed, live, in a browser page.
 *
 *     const token = async () => {
 *       const answer = await fetch("/my-token");
 *       if (answer.status === 401) return null; // nobody is signed in
 *       if (!answer.ok) throw new Error(`No token: ${answer.status}`); // asked again after a while
 *       return answer.text();
 *     };
 *     const clarion = new Clarion({ token });
 *     clarion.on("change", () => render(clarion.items, clarion.unreadCount));
 *     clarion.connect();
 *
 * It resumes where it was after every lost connection: no item is missed and none comes twice.
 * All tabs of a browser that show one subscriber's feed share one connection.
 */

import { arrivals } from "./arrivals.js";
import { ClarionError } from "./errors.js";
import { MAX_COMMAND_IDS } from "./limits.js";
import { live } from "./live.js";
import { uuid } from "./platform.js";
import { list } from "./rest.js";

export { isShut } from "./protocol.js";
export { personOf } from "./tokens.js";
export { ClarionError };

/**
 * @typedef {import("./frames.js").Item} Item
 * @typedef {import("./frames.js").StateFrame} StateFrame
 * @typedef {import("./arrivals.js").Arrival} Arrival
 * @typedef {import("./arrivals.js").BufferOptions} BufferOptions
 * @typedef {import("./connection-types.js").State} State
 * @typedef {import("./connection-types.js").StateChange} StateChange
 * @typedef {import("./tokens.js").TokenOption} TokenOption
 * @typedef {import("./tokens.js").SomeToken} SomeToken
 *
 * @typedef {object} Options
 * @property {TokenOption} token  a subscriber token, or who asks for a new one
 * @property {string} [url]  of the live endpoint; `/v1/live` of this page's host. Where there are shards
 *   it ends in `?shard=`, with what `POST /v1/tokens` has told
 * @property {boolean} [share]  one connection for all tabs; else each has its own
 * @property {import("./connection-types.js").Backoff} [backoff]  of the way back after a loss
 *
 * @typedef {string | string[] | {upTo: number, category?: string}} Which  one id, ids, or all that
 *   entered up to a version, of one category or of all
 *
 * @typedef {object} ListOptions
 * @property {"inbox" | "unread" | "archived" | "snoozed" | "all"} [state]
 *   `inbox`: neither archived nor snoozed
 * @property {string} [category]
 * @property {string | null} [cursor]  the `next_cursor` of the page before
 * @property {number} [limit]
 *
 * @typedef {{items: Item[], next_cursor: string | null}} Page
 *
 * @typedef {object} Events
 * @property {StateChange} state  the connection
 * @property {StateChange} signed-out  the page has no token: somebody should sign in
 * @property {StateChange} refused  the server wants this token no more
 * @property {null} change  items or the unread count are new
 * @property {Arrival} notification  an item that entered: it is new, or its snooze ended
 * @property {ClarionError} error  what the server refused outside of a command
 */

export class Clarion extends EventTarget {
  #live;

  /** @param {Options} options */
  constructor(options) {
    super();
    this.#live = live(options, (name, detail) => this.dispatchEvent(new CustomEvent(name, { detail })));
  }

  /** Items, the newest first, archived ones among them; with what commands will have done. */
  get items() {
    return this.#live.items();
  }

  /** One of the items, or of those that `list()` has brought: as it is now. @param {string} id */
  item(id) {
    return this.#live.item(id);
  }

  /** As the server counts; moved at once by commands that it has not answered. */
  get unreadCount() {
    return this.#live.unread();
  }

  /** The resume cursor; undefined until the feed was complete once. */
  get version() {
    return this.#live.feed.state().version;
  }

  /** By the server's clock, where it has told; that of a person's computer may be wrong. */
  now() {
    return new Date(Date.now() + (this.#live.feed.state().aheadMs ?? 0));
  }

  /** Of the connection, this tab's or the leader's. */
  get state() {
    return this.#live.state();
  }

  connect() {
    this.#live.link.start();
  }

  /** Stays away until `connect()`; the items stay. Commands without an answer are rejected. */
  disconnect() {
    this.#live.link.end({ state: "closed" });
  }

  /**
   * Commands show at once in `items` and `unreadCount`. They resolve when the server has carried
   * them out, survive a lost connection, and are taken back where it refuses.
   *
   * @param {Which} which
   */
  read(which) {
    return this.#command("read", which);
  }

  /** @param {Which} which */
  unread(which) {
    return this.#command("unread", which);
  }

  /** @param {Which} which */
  seen(which) {
    return this.#command("seen", which);
  }

  /** @param {Which} which */
  archive(which) {
    return this.#command("archive", which);
  }

  /** Out of the archive, back as they were. @param {Which} which */
  unarchive(which) {
    return this.#command("unarchive", which);
  }

  /**
   * Away until then; `null` brings it back now.
   *
   * @param {Which} which
   * @param {Date | string | null} until  a string as RFC 3339 writes it
   */
  async snooze(which, until) {
    await this.#command("snooze", which, until && new Date(until).toISOString());
  }

  /** All that this client knows of. @param {string} [category]  else of all */
  readAll(category) {
    return this.read({ upTo: this.version ?? 0, category });
  }

  /**
   * Tell all members of a topic; the token must allow it. Published once, however often it is sent.
   *
   * @param {string} topic
   * @param {unknown} data
   */
  async publish(topic, data) {
    await this.#live.issue({ type: "publish", topic, data, id: uuid() });
  }

  /**
   * A page of the inbox, the newest first, also from before the feed began. `item(id)` and the
   * `change` event tell what becomes of its items.
   *
   * @param {ListOptions} [options]
   * @returns {Promise<Page>}
   */
  list(options) {
    return list(this.#live, options);
  }

  /**
   * New items for a `for await` loop, from its first turn on. What waits is bounded: a slow loop
   * costs no memory. The loop ends when the feed is closed; a refused feed throws.
   *
   * @param {BufferOptions} [options]
   * @returns {AsyncGenerator<Arrival, void, undefined>}
   */
  notifications(options) {
    return arrivals(this, options);
  }

  [Symbol.asyncIterator]() {
    return this.notifications();
  }

  /**
   * @template {keyof Events} Name
   * @param {Name} name
   * @param {(detail: Events[Name]) => void} listener
   * @returns {() => void}  takes the listener away again
   */
  on(name, listener) {
    const heard = (/** @type {any} */ event) => listener(event.detail);
    this.addEventListener(name, heard);
    return () => this.removeEventListener(name, heard);
  }

  /**
   * @param {StateFrame["type"]} type
   * @param {Which} which
   * @param {string | null} [until]
   */
  async #command(type, which, until) {
    const { issue } = this.#live;
    const { upTo: up_to, category } = /** @type {{upTo?: number, category?: string}} */ (which);
    if (up_to != null) return issue({ type, up_to, category, until });
    const ids = [/** @type {string | string[]} */ (which)].flat();
    const parts = [];
    while (ids.length) parts.push(issue({ type, ids: ids.splice(0, MAX_COMMAND_IDS), until }));
    await Promise.all(parts);
  }
}
