/**
 * @typedef {import("./frames.js").Item} Item
 * @typedef {import("./frames.js").FeedFrame} FeedFrame
 * @typedef {ReturnType<typeof feed>} Feed
 *
 * @typedef {object} Outcome  What a frame did.
 * @property {boolean} [changed]  items, version or unread are not what they were
 * @property {Item[]} [arrived]  items that were not here before, oldest first
 * @property {boolean} [ask]  something is missing: send `hello()` again
 * @property {boolean} [caughtUp]  the replay is over
 *
 * @typedef {object} FeedState  All there is to know of a feed, so that another tab can go on with it.
 * @property {Map<string, Item>} items
 * @property {Map<string, Item> | null} snapshot  what has come of one that is not complete
 * @property {number | undefined} version
 * @property {number} unread
 * @property {"silent" | "asked" | "replay" | "live"} phase
 */

/**
 * A subscriber's feed as this client knows it. No I/O: frames go in, an outcome comes out. Two
 * feeds that are given the same say the same.
 *
 * `version` is the resume cursor: all up to it has been handled. A snapshot takes the place of the
 * items at once when it is complete, so a lost connection leaves the old feed or the new one.
 */
export function feed() {
  /** @type {FeedState} */
  let our = { items: new Map(), snapshot: null, version: undefined, unread: 0, phase: "silent" };
  /** Known by lists only. @type {Map<string, Item>} */
  const listed = new Map();

  /** @param {FeedFrame} frame @returns {Outcome} */
  function apply(frame) {
    const { phase, version } = our;
    if (frame.type === "welcome") return phase === "silent" ? {} : welcome(frame);
    if (frame.type === "caught_up") return phase === "replay" ? caughtUp(frame.version) : {};
    if (phase === "live" && version !== undefined) {
      if (frame.version <= version) return {};
      return frame.version > version + 1 ? { ask: true } : take(frame);
    }
    return phase === "replay" ? take(frame) : {};
  }

  /**
   * Answers `hello()`, or comes unasked from a server that goes on after leaving something out.
   *
   * @param {import("./frames.js").Welcome} frame
   * @returns {Outcome}
   */
  function welcome({ version, unread, reset }) {
    const older = our.version !== undefined && version < our.version;
    if (reset || older) our.version = undefined;
    // A server behind us without `reset` has another history: start from nothing.
    if (older && !reset) return { ask: true };
    our.phase = "replay";
    our.snapshot = our.version === undefined ? (our.snapshot ?? new Map()) : null;
    const changed = our.unread !== unread;
    our.unread = unread;
    return { changed };
  }

  /** @param {number} version @returns {Outcome} */
  function caughtUp(version) {
    if (our.snapshot) {
      our.items = our.snapshot;
      listed.clear();
    }
    our.snapshot = null;
    our.version = Math.max(our.version ?? 0, version);
    our.phase = "live";
    return { changed: true, caughtUp: true };
  }

  /** @param {import("./frames.js").NotificationFrame | import("./frames.js").ChangedFrame} frame */
  function take(frame) {
    const items = our.snapshot ?? our.items;
    /** @type {Item[]} */
    const arrived = [];
    if (frame.type === "notification") {
      const { item } = frame;
      // Live, what is known already comes back from a snooze
      if (!our.snapshot && (our.phase === "live" || !items.has(item.id))) arrived.push(item);
      items.set(item.id, item);
    } else {
      for (const state of frame.items) {
        for (const known of [items, listed]) {
          const item = known.get(state.id);
          if (item) known.set(item.id, { ...item, ...state });
        }
      }
    }
    our.unread = frame.unread;
    if (!our.snapshot) our.version = Math.max(our.version ?? 0, frame.version);
    return { changed: true, arrived };
  }

  /** One of the items, or of those that a list has brought. @param {string} id */
  const item = (id) => our.items.get(id) ?? listed.get(id);

  return {
    /** `version` is undefined until a first snapshot is complete; the server counts `unread`. */
    state: () => our,

    /** All items, the newest first. */
    items: () => [...our.items.values()].sort(newestFirst),

    item,

    /** All that is held. */
    held: () => [...new Map([...listed, ...our.items]).values()],

    /** Follow what becomes of these items too, which a list has brought. @param {Item[]} items */
    keep(items) {
      for (const one of items) {
        if (one.version >= (item(one.id)?.version ?? 0)) listed.set(one.id, one);
      }
    },

    /** The frame that asks for what is missing. @returns {{type: "hello", since?: number}} */
    hello() {
      our.phase = "asked";
      our.snapshot = null;
      const { version } = our;
      return version === undefined ? { type: "hello" } : { type: "hello", since: version };
    },

    /** The connection is gone: half a snapshot is worth nothing. */
    lost() {
      our.phase = "silent";
      our.snapshot = null;
    },

    apply,

    /**
     * Go on as another tab's feed, which may be a little behind this one or ahead.
     *
     * @param {FeedState} other
     * @returns {Item[]}  what was not here before; nothing where nothing was
     */
    adopt(other) {
      const { items, version } = our;
      const behind = (other.version ?? 0) < (version ?? 0);
      our = behind ? { ...other, items, version, unread: our.unread } : other;
      if (version === undefined) return [];
      return [...our.items.values()].filter((one) => one.version > version && !items.has(one.id));
    },
  };
}

/** @param {Item} a @param {Item} b */
function newestFirst(a, b) {
  return Date.parse(b.created_at) - Date.parse(a.created_at) || (a.id < b.id ? 1 : -1);
}
