/**
 * The Clarion client: a subscriber's feed, live, in a browser page.
 *
 *     const clarion = new Clarion({ token: () => fetch("/my-token").then((r) => r.text()) });
 *     clarion.on("change", () => render(clarion.items, clarion.unreadCount));
 *     clarion.connect();
 *
 * It resumes where it was after every lost connection: no item is missed and none comes twice.
 * All tabs of a browser that show one subscriber's feed share one connection.
 */

import { arrivals } from "./arrivals.js";
import { ClarionError, commands } from "./commands.js";
import { connection } from "./connection.js";
import { feed } from "./feed.js";
import { hoped, hopedCount } from "./hopes.js";
import { receipt } from "./receipt.js";
import { tabs } from "./tabs.js";
import { claims, tokenSource } from "./tokens.js";

export { ClarionError };

/**
 * @typedef {import("./frames.js").Item} Item
 * @typedef {import("./frames.js").ServerFrame} ServerFrame
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
 * @property {boolean} [share]  one connection for all tabs; else each has its own
 * @property {Partial<import("./return.js").Backoff>} [backoff]  of the way back after a loss
 *
 * @typedef {string | string[] | {upTo: number}} Which  one id, ids, or all up to a version
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
 * @property {null} change  items or the unread count are new
 * @property {Arrival} notification  an item that was not here before, or is back from a snooze
 * @property {ClarionError} error  what the server refused outside of a command
 */

const MAX_COMMAND_IDS = 1_000;

export class Clarion extends EventTarget {
  #feed = feed();
  #commands = commands();
  #receipt = receipt((frame) => this.#connection.send(frame));
  #url;
  #tokens;
  #share;
  #connection;
  /** @type {StateChange} */
  #state = { state: "idle" };
  #welcomed = false;
  /** Whose feed this is. @type {string | undefined} */
  #whose;

  #tabs = tabs({
    sync: () => ({ feed: this.#feed.state(), change: this.#state }),
    onLead: () => this.#entered({ state: "connecting" }),
    onDeposed: () => this.#connection.restart(),
    onNews: (news) => this.#follow(news),
    onCommand: (frame) => this.#send(frame),
  });

  /** @param {Options} options */
  constructor({ token, url = "/v1/live", share = true, backoff }) {
    super();
    this.#url = new URL(url, location.href).href.replace(/^http/, "ws");
    this.#tokens = tokenSource(token);
    this.#share = share;
    this.#connection = connection({
      url: this.#url,
      tokens: this.#tokens,
      backoff: { baseMs: 500, capMs: 30_000, ...backoff },
      admit: (said) => this.#admit(said),
      onOpen: () => this.#ask(),
      onFrame: (frame) => {
        this.#tabs.tell({ frame });
        this.#handle(frame);
      },
      onState: (change) => this.#entered(change),
    });
  }

  /** Items, the newest first, archived ones among them; with what commands will have done. */
  get items() {
    const hopes = this.#commands.hopes();
    return this.#feed.items().map((item) => hoped(item, hopes));
  }

  /** One of the items, or of those that `list()` has brought: as it is now. @param {string} id */
  item(id) {
    const item = this.#feed.item(id);
    return item && hoped(item, this.#commands.hopes());
  }

  /** As the server counts; moved at once by commands that it has not answered. */
  get unreadCount() {
    const { unread, version = Infinity } = this.#feed.state();
    return hopedCount(unread, this.#feed.held(), this.#commands.hopes(), version);
  }

  /** The resume cursor; undefined until the feed was complete once. */
  get version() {
    return this.#feed.state().version;
  }

  /** Of the connection, this tab's or the leader's. */
  get state() {
    return this.#state;
  }

  /** Why nothing goes on, where the state is `closed` or `refused`. */
  get failure() {
    const { code = "disconnected", detail = "Not connected." } = this.#state;
    return new ClarionError(code, detail);
  }

  connect() {
    this.#connection.start();
  }

  /** Stays away until `connect()`; the items stay. Commands without an answer are rejected. */
  disconnect() {
    this.#connection.end({ state: "closed" });
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
   * Away until then; `null` brings it back now.
   *
   * @param {Which} which
   * @param {Date | string | null} until  a string as RFC 3339 writes it
   */
  async snooze(which, until) {
    await this.#command("snooze", which, { until: until && new Date(until).toISOString() });
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
    const { call } = await import("./rest.js");
    const { items, next_cursor } = await call(this.#url, this.#tokens, `inbox?${query}`);
    this.#feed.keep(items);
    return { items, next_cursor };
  }

  /**
   * New items for a `for await` loop, from its first turn on. What waits is bounded: a slow loop
   * costs no memory. The loop ends when the feed is closed; a refused feed throws.
   *
   * @param {BufferOptions} [options]
   */
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
    const handle = (/** @type {any} */ event) => listener(event.detail);
    this.addEventListener(name, handle);
    return () => this.removeEventListener(name, handle);
  }

  /** Waits until this tab is to connect. @param {string} token */
  async #admit(token) {
    const { tenant, sub } = claims(token);
    const whose = `${tenant} ${sub}`;
    if ((this.#whose ??= whose) !== whose) {
      throw new ClarionError("another_subscriber", "The token is somebody else's: load the page again.");
    }
    await this.#tabs.admit(this.#share && sub ? `clarion.v1 ${this.#url} ${whose}` : null);
  }

  /** What the leader's tab has heard. @param {import("./tabs.js").News} news */
  #follow(news) {
    if ("frame" in news) this.#handle(news.frame);
    else if ("hello" in news) this.#feed.hello();
    else if ("change" in news) {
      if (news.change.state === "refused") this.#connection.end(news.change);
      else this.#entered(news.change);
    } else {
      const arrived = this.#feed.adopt(news.sync.feed);
      this.#entered(news.sync.change, true);
      this.#tellOf(arrived, true);
      this.#emit("change", null);
    }
  }

  /** Say what we have, and hear what we miss. */
  #ask() {
    if (!this.#tabs.leads()) return this.#tabs.join();
    this.#tabs.tell({ hello: true });
    this.#connection.send(this.#feed.hello());
  }

  /** @param {ServerFrame} frame */
  #handle(frame) {
    if (frame.type === "ok" || frame.type === "error") {
      if (this.#commands.answer(frame)) this.#emit("change", null);
      else if (frame.type === "error" && frame.ref == null) {
        this.#emit("error", new ClarionError(frame.code, frame.detail));
      }
    } else if (frame.type !== "pong" && frame.type !== "reconnect") this.#apply(frame);
  }

  /** @param {import("./frames.js").FeedFrame} frame */
  #apply(frame) {
    const leads = this.#tabs.leads();
    const live = () => this.#state.state === "live";
    const { changed, arrived, ask, caughtUp } = this.#feed.apply(frame);
    if (frame.type === "welcome") this.#welcome(frame.heartbeat_s);
    if (ask) this.#ask();
    this.#tellOf(arrived, !live());
    if (caughtUp && leads) this.#connection.live();
    if (changed && leads && live()) this.#receipt.handled(this.version ?? 0);
    if (changed) this.#emit("change", null);
  }

  /** @param {Item[]} arrived @param {boolean} replayed */
  #tellOf(arrived = [], replayed) {
    for (const item of arrived) this.#emit("notification", { item, replayed });
  }

  /** @param {number} heartbeatS */
  #welcome(heartbeatS) {
    if (this.#tabs.leads()) this.#connection.welcomed(heartbeatS);
    if (this.#welcomed) return;
    this.#welcomed = true;
    this.#commands.unanswered().forEach((frame) => this.#send(frame));
  }

  /** What cannot be sent now is sent at the next welcome. @param {import("./frames.js").CommandFrame} frame */
  #send(frame) {
    if (!this.#tabs.leads()) this.#tabs.send(frame);
    else if (this.#welcomed) this.#connection.send(frame);
  }

  /** @param {StateChange} change @param {boolean} [adopted]  with its feed */
  #entered(change, adopted) {
    const { state } = change;
    if (state === this.#state.state && state !== "waiting") return;
    this.#state = change;
    if (state !== "live") {
      if (!adopted) this.#feed.lost();
      this.#receipt.lost();
      this.#welcomed = false;
    }
    if (state !== "closed") this.#tabs.tell({ change });
    if (state === "closed" || state === "refused") {
      this.#tabs.leave();
      this.#commands.abandon(this.failure);
      this.#emit("change", null);
    }
    this.#emit("state", change);
  }

  /**
   * @param {StateFrame["type"]} type
   * @param {Which} which
   * @param {{until?: string | null}} [more]
   */
  async #command(type, which, more) {
    await Promise.all(targets(which).map((target) => this.#issue({ type, ...target, ...more })));
  }

  /**
   * @param {Command} command
   * @returns {Promise<void>}  when the server has carried it out; kept over a lost connection
   */
  async #issue(command) {
    if (["idle", "closed", "refused"].includes(this.#state.state)) throw this.failure;
    const done = this.#commands.issue(command, (frame) => this.#send(frame));
    this.#emit("change", null);
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
