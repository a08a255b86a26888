/**
 * The Clarion client: a subscriber's feed, live, in a browser page.
 *
 *     const clarion = new Clarion({ token: () => fetch("/my-token").then((r) => r.text()) });
 *     clarion.on("change", () => render(clarion.items, clarion.unreadCount));
 *     clarion.connect();
 *
 * It resumes where it was after every lost connection: no item is missed and none comes twice.
 */

import { ClarionError, Commands } from "./commands.js";
import { Connection } from "./connection.js";
import { Feed } from "./feed.js";
import { Receipt } from "./receipt.js";

export { ClarionError };

/**
 * @typedef {import("./frames.js").Item} Item
 * @typedef {import("./frames.js").CommandFrame} CommandFrame
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
 * @typedef {object} Events
 * @property {StateChange} state  the connection
 * @property {null} change  items or the unread count are new
 * @property {{item: Item, replayed: boolean}} notification  an item that was not here before
 * @property {ClarionError} error  what the server refused outside of a command
 */

const MAX_COMMAND_IDS = 1_000;

export class Clarion extends EventTarget {
  #feed = new Feed();
  #commands = new Commands();
  #receipt = new Receipt((frame) => this.#connection.send(frame));
  /** @type {Connection} */
  #connection;
  #welcomed = false;

  /** @param {Options} options */
  constructor(options) {
    super();
    this.#connection = new Connection({
      url: liveUrl(options.url ?? "/v1/live"),
      token: options.token,
      backoff: { baseMs: 500, capMs: 30_000, ...options.backoff },
      onOpen: () => this.#connection.send(this.#feed.hello()),
      onFrame: (frame) => this.#handle(frame),
      onState: (change) => this.#entered(change),
    });
  }

  /** Items, the newest first, archived ones among them. */
  get items() {
    return this.#feed.items;
  }

  /** As the server counts. */
  get unreadCount() {
    return this.#feed.unread;
  }

  /** The resume cursor; undefined until the feed was complete once. */
  get version() {
    return this.#feed.version;
  }

  /** Of the connection. */
  get state() {
    return this.#connection.state;
  }

  connect() {
    this.#connection.start();
  }

  /** Stays away until `connect()`; the items stay. Commands without an answer are rejected. */
  disconnect() {
    this.#connection.stop();
  }

  /** @param {Which} which */
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
      const ours = this.#commands.answer(frame);
      if (!ours && frame.type === "error") {
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
      this.#commands.abandon(
        new ClarionError(change.code ?? "disconnected", change.detail ?? "Not connected."),
      );
    }
    this.#emit("state", change);
  }

  /**
   * @param {CommandFrame["type"]} type
   * @param {Which} which
   * @returns {Promise<void>}  when the server has carried it out; kept over a lost connection
   */
  async #command(type, which) {
    if (["idle", "closed", "refused"].includes(this.state.state)) {
      throw new ClarionError("disconnected", "Not connected.");
    }
    await Promise.all(
      targets(which).map((target) =>
        this.#commands.issue({ type, ...target }, (frame) => {
          if (this.#welcomed) this.#connection.send(frame);
        }),
      ),
    );
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
