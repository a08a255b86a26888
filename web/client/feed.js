/**
 * @typedef {import("./frames.js").Item} Item
 * @typedef {import("./frames.js").FeedFrame} FeedFrame
 *
 * @typedef {object} Outcome  What a frame did.
 * @property {boolean} changed  items, version or unread are not what they were
 * @property {Item[]} arrived  items that were not here before, oldest first
 * @property {boolean} ask  something is missing: send `hello()` again
 * @property {boolean} caughtUp  the replay is over
 */

/**
 * A subscriber's feed as this client knows it. No I/O: frames go in, an outcome comes out.
 *
 * `version` is the resume cursor: all up to it has been handled. A snapshot takes the place of the
 * items at once when it is complete, so a lost connection leaves the old feed or the new one.
 */
export class Feed {
  /** @type {Map<string, Item>} */
  #items = new Map();
  /** Known by lists only. @type {Map<string, Item>} */
  #listed = new Map();
  /** @type {Map<string, Item> | null} */
  #snapshot = null;
  /** @type {number | undefined} */
  #version;
  #unread = 0;
  /** @type {"silent" | "asked" | "replay" | "live"} */
  #phase = "silent";

  /** Undefined until a first snapshot is complete. */
  get version() {
    return this.#version;
  }

  /** As the server counts; never counted here. */
  get unread() {
    return this.#unread;
  }

  /** All items, the newest first. @returns {Item[]} */
  get items() {
    return [...this.#items.values()].sort(newestFirst);
  }

  /** One of the items, or of those that a list has brought. @param {string} id */
  item(id) {
    return this.#items.get(id) ?? this.#listed.get(id);
  }

  /** All that is held. @returns {Item[]} */
  get held() {
    return [...new Map([...this.#listed, ...this.#items]).values()];
  }

  /** Follow what becomes of these items too, which a list has brought. @param {Item[]} items */
  keep(items) {
    for (const item of items) {
      if (item.version >= (this.item(item.id)?.version ?? 0)) this.#listed.set(item.id, item);
    }
  }

  /** The frame that asks for what is missing. @returns {{type: "hello", since?: number}} */
  hello() {
    this.#phase = "asked";
    this.#snapshot = null;
    return this.#version === undefined
      ? { type: "hello" }
      : { type: "hello", since: this.#version };
  }

  /** The connection is gone: half a snapshot is worth nothing. */
  lost() {
    this.#phase = "silent";
    this.#snapshot = null;
  }

  /**
   * @param {FeedFrame} frame
   * @returns {Outcome}
   */
  apply(frame) {
    if (frame.type === "welcome") return this.#welcome(frame);
    if (frame.type === "caught_up") return this.#caughtUp(frame);
    if (this.#phase === "replay") return this.#take(frame);
    if (this.#phase !== "live" || this.#version === undefined) return nothing();
    if (frame.version <= this.#version) return nothing();
    if (frame.version > this.#version + 1) return { ...nothing(), ask: true };
    return this.#take(frame);
  }

  /**
   * Answers `hello()`, or comes unasked from a server that goes on after leaving something out.
   *
   * @param {import("./frames.js").Welcome} frame
   */
  #welcome(frame) {
    if (this.#phase === "silent") return nothing();
    const older = this.#version !== undefined && frame.version < this.#version;
    if (frame.reset || older) this.#version = undefined;
    // A server behind us without `reset` has another history: start from nothing.
    if (older && !frame.reset) return { ...nothing(), ask: true };
    this.#phase = "replay";
    this.#snapshot = this.#version === undefined ? (this.#snapshot ?? new Map()) : null;
    return { ...nothing(), changed: this.#count(frame.unread) };
  }

  /** @param {import("./frames.js").CaughtUp} frame */
  #caughtUp(frame) {
    if (this.#phase !== "replay") return nothing();
    if (this.#snapshot) {
      this.#items = this.#snapshot;
      this.#listed.clear();
    }
    this.#snapshot = null;
    this.#version = Math.max(this.#version ?? 0, frame.version);
    this.#phase = "live";
    return { ...nothing(), changed: true, caughtUp: true };
  }

  /** @param {import("./frames.js").NotificationFrame | import("./frames.js").ChangedFrame} frame */
  #take(frame) {
    const items = this.#snapshot ?? this.#items;
    /** @type {Item[]} */
    const arrived = [];
    if (frame.type === "notification") {
      if (!this.#snapshot && !items.has(frame.item.id)) arrived.push(frame.item);
      items.set(frame.item.id, frame.item);
    } else {
      for (const state of frame.items) {
        for (const known of [items, this.#listed]) {
          const item = known.get(state.id);
          if (item) known.set(item.id, { ...item, ...state });
        }
      }
    }
    this.#count(frame.unread);
    if (!this.#snapshot) this.#version = Math.max(this.#version ?? 0, frame.version);
    return { ...nothing(), changed: true, arrived };
  }

  /** @param {number} unread */
  #count(unread) {
    const changed = this.#unread !== unread;
    this.#unread = unread;
    return changed;
  }
}

/** @returns {Outcome} */
function nothing() {
  return { changed: false, arrived: [], ask: false, caughtUp: false };
}

/**
 * @param {Item} a
 * @param {Item} b
 */
function newestFirst(a, b) {
  return Date.parse(b.created_at) - Date.parse(a.created_at) || (a.id < b.id ? 1 : -1);
}
