/**
 * The Clarion client: a subscriber's feed, live, in a browser page.
 *
 *     const clarion = new Clarion({ token: () => fetch("/my-token").then((r) => r.text()) });
 *     clarion.on("change", () => render(clarion.items, clarion.unreadCount));
 *     clarion.connect();
 *
 * It resumes where it was after every lost connection: no item is missed and none comes twice.
 */

import { arrivals } from "./arrivals.js";
import { ClarionError, Commands } from "./commands.js";
import { Connection } from "./connection.js";
import { Feed } from "./feed.js";
import { hoped, hopedCount } from "./hopes.js";
import { Receipt } from "./receipt.js";
import { Rest } from "./rest.js";
import { TokenSource } from "./tokens.js";

export { ClarionError };

/**
 * @typedef {import("./frames.js").Item} Item
 * @typedef {import("./frames.js").StateFrame} StateFrame
 * @typedef {import("./commands.js").Command} Command
 * @typedef {import("./arrivals.js").Arrival} Arrival
 * @typedef {import("./arrivals.js").BufferOptions} BufferOptions
 * @typedef {import("./connection.js").State} State
 * @typedef {import("./connection.js").StateChange} StateChange
 *
 * @typedef {object} Options
 * @property {import("./tokens.js").TokenOption} token  a subscriber token, or who asks for a new one
 * @property {string} [url]  of the live endpoint; `/v1/live` of this page's host
 * @property {Partial<import("./return.js").Backoff>} [backoff]  of the way back after a loss
 *
 * @typedef {string | string[] | {upTo: number}} Which  one id, ids, or all up to a version
 *
 * @typedef {object} ListOptions
 * @property {"inbox" | "unread" | "archived" | "snoozed" | "all"} [state]  `inbox`: not archived
 * @property {string} [category]
 * @property {string | null} [cursor]  the `next_cursor` of the page before
 * @property {number} [limit]
 *
 * @typedef {{items: Item[], next_cursor: string | null}} Page
 *
 * @typedef {object} Events
 * @property {StateChange} state  the connection
 * @property {null} change  items or the unread count are new
 * @property {Arrival} notification  an item that was not here before
 * @property {ClarionError} error  what the server refused outside of a command
 */

const MAX_COMMAND_IDS = 1_000;

export class Clarion extends EventTarget {
  #feed = new Feed();
  #commands = new Commands();
  #receipt = new Receipt((frame) => this.#connection.send(frame));
  #rest;
  /** @type {Connection} */
  #connection;
  #welcomed = false;

  /** @param {Options} options */
  constructor(options) {
    super();
    const url = liveUrl(options.url ?? "/v1/live");
    const tokens = new TokenSource(options.token);
    this.#rest = new Rest(url, tokens);
    this.#connection = new Connection({
      url,
      tokens,
      backoff: { baseMs: 500, capMs: 30_000, ...options.backoff },
      onOpen: () => this.#connection.send(this.#feed.hello()),
      onFrame: (frame) => this.#handle(frame),
      onState: (change) => this.#entered(change),
    });
  }

  /** Items, the newest first, archived ones among them; with what commands will have done. */
  get items() {
    return this.#feed.items.map((item) => hoped(item, this.#commands.hopes));
  }

  /** One of the items, or of those that `list()` has brought: as it is now. @param {string} id */
  item(id) {
    const item = this.#feed.item(id);
    return item && hoped(item, this.#commands.hopes);
  }

  /** As the server counts; moved at once by commands that it has not answered. */
  get unreadCount() {
    const { unread, held, version } = this.#feed;
    return hopedCount(unread, held, this.#commands.hopes, version ?? Infinity);
  }

  /** The resume cursor; undefined until the feed was complete once. */
  get version() {
    return this.#feed.version;
  }

  /** Of the connection. */
  get state() {
    return this.#connection.state;
  }

  /** Why nothing goes on, where the state is `closed` or `refused`. */
  get failure() {
    const { code = "disconnected", detail = "Not connected." } = this.state;
    return new ClarionError(code, detail);
  }

  connect() {
    this.#connection.start();
  }

  /** Stays away until `connect()`; the items stay. Commands without an answer are rejected. */
  disconnect() {
    this.#connection.stop();
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

  /**
   * Away until then.
   *
   * @param {Which} which
   * @param {Date | string} until  a string as RFC 3339 writes it
   */
  async snooze(which, until) {
    await this.#command("snooze", which, { until: new Date(until).toISOString() });
  }

  /**
   * Tell all members of a topic; the token must allow it. Published once, however often it is sent.
   *
   * @param {string} topic
   * @param {unknown} data
   */
  async publish(topic, data) {
    await this.#issue({ type: "publish", topic, data, id: crypto.randomUUID() });
  }

  /**
   * A page of the inbox, the newest first, also from before the feed began. `item(id)` and the
   * `change` event tell what becomes of its items.
   *
   * @param {ListOptions} [options]
   * @returns {Promise<Page>}
   */
  async list({ state = "inbox", category, cursor, limit = 50 } = {}) {
    const query = new URLSearchParams({ state, limit: `${limit}` });
    if (category) query.set("category", category);
    if (cursor) query.set("cursor", cursor);
    const { items, next_cursor } = await this.#rest.call(`inbox?${query}`);
    this.#feed.keep(items);
    return { items, next_cursor };
  }

  /** New items for a `for await` loop; see `arrivals`. @param {BufferOptions} [options] */
  notifications(options = {}) {
    return arrivals(this, options);
  }

  [Symbol.asyncIterator]() {
    return this.notifications();
  }

  /** All that this client knows of. */
  async readAll() {
    if (this.version !== undefined) await this.read({ upTo: this.version });
  }

  /**
   * @template {keyof Events} Name
   * @param {Name} name
   * @param {(detail: Events[Name]) => void} listener
   * @returns {() => void}  takes the listener away again
   */
  on(name, listener) {
    const handle = (/** @type {Event} */ event) =>
      listener(/** @type {CustomEvent<Events[Name]>} */ (event).detail);
    this.addEventListener(name, handle);
    return () => this.removeEventListener(name, handle);
  }

  /** @param {import("./frames.js").ServerFrame} frame */
  #handle(frame) {
    if (frame.type === "ok" || frame.type === "error") {
      if (this.#commands.answer(frame)) this.#emit("change", null);
      else if (frame.type === "error") {
        this.#emit("error", new ClarionError(frame.code, frame.detail));
      }
    } else if (isFeedFrame(frame)) {
      this.#apply(frame);
    }
  }

  /** @param {import("./frames.js").FeedFrame} frame */
  #apply(frame) {
    const outcome = this.#feed.apply(frame);
    if (frame.type === "welcome") this.#welcome(frame.heartbeat_s);
    if (outcome.ask) this.#connection.send(this.#feed.hello());
    for (const item of outcome.arrived) {
      this.#emit("notification", { item, replayed: !this.#live });
    }
    if (outcome.caughtUp) this.#connection.live();
    if (outcome.changed && this.#live) this.#receipt.handled(this.version ?? 0);
    if (outcome.changed) this.#emit("change", null);
  }

  get #live() {
    return this.state.state === "live";
  }

  /** @param {number} heartbeatS */
  #welcome(heartbeatS) {
    this.#connection.welcomed(heartbeatS);
    if (this.#welcomed) return;
    this.#welcomed = true;
    for (const frame of this.#commands.unanswered) this.#connection.send(frame);
  }

  /** @param {StateChange} change */
  #entered(change) {
    if (change.state !== "live") {
      this.#feed.lost();
      this.#receipt.lost();
      this.#welcomed = false;
    }
    if (change.state === "closed" || change.state === "refused") {
      this.#commands.abandon(this.failure);
      this.#emit("change", null);
    }
    this.#emit("state", change);
  }


  /**
   * @param {StateFrame["type"]} type
   * @param {Which} which
   * @param {{until?: string}} [more]
   */
  async #command(type, which, more) {
    await Promise.all(targets(which).map((target) => this.#issue({ type, ...target, ...more })));
  }

  /**
   * @param {Command} command
   * @returns {Promise<void>}  when the server has carried it out; kept over a lost connection
   */
  async #issue(command) {
    if (["idle", "closed", "refused"].includes(this.state.state)) {
      throw this.failure;
    }
    const done = this.#commands.issue(command, (frame) => {
      if (this.#welcomed) this.#connection.send(frame);
    });
    if (command.type !== "publish") this.#emit("change", null);
    await done;
  }

  /**
   * @template {keyof Events} Name
   * @param {Name} name
   * @param {Events[Name]} detail
   */
  #emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

/**
 * @param {Which} which
 * @returns {({ids: string[]} | {up_to: number})[]}
 */
function targets(which) {
  if (typeof which === "string") return [{ ids: [which] }];
  if (!Array.isArray(which)) return [{ up_to: which.upTo }];
  const parts = [];
  for (let start = 0; start < which.length; start += MAX_COMMAND_IDS) {
    parts.push({ ids: which.slice(start, start + MAX_COMMAND_IDS) });
  }
  return parts;
}

/**
 * @param {import("./frames.js").ServerFrame} frame
 * @returns {frame is import("./frames.js").FeedFrame}
 */
function isFeedFrame(frame) {
  return ["welcome", "notification", "changed", "caught_up"].includes(frame.type);
}

/** @param {string} url */
function liveUrl(url) {
  const absolute = new URL(url, location.href);
  absolute.protocol = absolute.protocol.replace(/^http/, "ws");
  return absolute.href;
}
