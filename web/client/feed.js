import { MAX_ITEMS } from "./limits.js";
import { isFeedFrame } from "./protocol.js";

/**
 * @typedef {import("./frames.js").Item} Item
 * @typedef {import("./frames.js").ItemState} ItemState
 * @typedef {{item?: Item, items: (Item | ItemState)[]}} ItemsFrame  a new item, or what was changed
 * @typedef {import("./frames.js").FeedFrame} FeedFrame
 *
 * @typedef {object} FeedState
 * @property {Map<string, Item>} items
 * @property {number} [version]  the resume cursor: all up to it has been handled; none until the
 *   feed was complete once
 * @property {string} [epoch]  versions compare within one: another names a restored history
 * @property {number} unread  as the server counts
 * @property {number} [aheadMs]  what the server's clock is ahead of this computer's
 */

/**
 * A subscriber's feed as this client knows it: frames go in, what is new comes out.
 *
 * @param {() => void} requestResync  something is missing: say `hello()` again
 */
export function feed(requestResync) {
  /** @type {Map<string, Item>} */
  let items = new Map();
  /** @type {number | undefined} */
  let version;
  /** @type {string | undefined} */
  let epoch;
  let unread = 0;
  /** What the server's clock is ahead of this computer's. */
  let aheadMs = 0;
  /**
   * Where frames go to: the items, or a snapshot that takes their place at once when it is complete;
   * nowhere from `hello()` to its welcome. @type {Map<string, Item> | null | undefined}
   */
  let target;
  /** Versions have no gaps from here on. */
  let isLive = false;
  /** Known by lists only. @type {Map<string, Item>} */
  const listedItems = new Map();

  /**
   * Answers `hello()`, or comes unasked from a server that goes on after leaving something out.
   *
   * @param {import("./frames.js").Welcome} frame
   */
  function onWelcome(frame) {
    const { time = "" } = frame; // an older server does not tell
    aheadMs = (/^\d{4}-/.test(time) && Date.parse(time) - Date.now()) || 0;
    if (frame.reset) target = version = undefined;
    else if (frame.version < (version ?? 0)) {
      // A server that is behind us has another history: start from nothing
      version = undefined;
      return void requestResync();
    }
    target = version === undefined ? (target ?? new Map()) : items;
    epoch = frame.epoch ?? epoch;
    unread = frame.unread;
    isLive = false;
    return [];
  }

  /** What is whole is held from now on; a state is for what is. @param {ItemState | Item} state */
  function applyState(state) {
    if ("title" in state) target?.set(state.id, state);
    for (const known of [target, listedItems]) {
      const item = known?.get(state.id);
      if (item) known?.set(item.id, { ...item, ...state });
    }
  }

  /** @param {string} id */
  const find = (id) => items.get(id) ?? listedItems.get(id);

  return {
    /** @returns {FeedState} */
    state: () => ({ items, version, epoch, unread, aheadMs }),

    /** One of the items, or of those that a list has brought. @param {string} id */
    item: find,

    /** All that is held. */
    all: () => [...new Map([...listedItems, ...items]).values()],

    /** All of it: whose it was may see it no more. */
    clear() {
      items = new Map();
      listedItems.clear();
      target = version = undefined;
      unread = 0;
    },

    /** Follow what becomes of this one too, which a list has brought. @param {Item} item */
    track(item) {
      if ((listedItems.get(item.id)?.version ?? 0) <= item.version) listedItems.set(item.id, item);
    },

    /**
     * The frame that asks for what is missing.
     *
     * @param {boolean} [isOld]  the server is older than epochs
     * @returns {import("./frames.js").Hello}
     */
    hello(isOld) {
      target = null;
      isLive = false;
      if (isOld) epoch = undefined;
      return { type: "hello", since: version, epoch };
    },

    /**
     * @param {FeedFrame} frame  others are let pass
     * @returns {Item[] | undefined}  those that were not here before, oldest first; nothing where
     *   nothing has changed
     */
    apply(frame) {
      if (frame.type === "welcome") return onWelcome(frame);
      if (!isFeedFrame(frame)) return; // of a newer server
      const ahead = frame.version - (version ?? 0);
      // Twice, or without a version
      if (!target || !(ahead > (isLive ? 0 : -Infinity))) return;
      if (isLive && ahead > 1) return void requestResync();
      const isResumed = target === items;
      if (isResumed) version = frame.version;
      if (frame.type === "caught_up") {
        if (!isResumed) listedItems.clear();
        items = target;
        version = frame.version;
        isLive = true;
        return [];
      }
      unread = frame.unread ?? unread;
      const { item, items: states } = /** @type {ItemsFrame} */ (frame);
      // Live, what comes back from a snooze in time is unseen and so is new; where somebody ended the
      // snooze, or took it out of the archive, it is not
      const isKnown = item && (isLive ? item.seen_at || find(item.id)?.archived_at : items.has(item.id));
      const isNew = item && isResumed && !isKnown;
      (item ? [item] : (states ?? [])).forEach(applyState);
      for (const id of target.keys()) if (target.size > MAX_ITEMS) target.delete(id);
      return isNew ? [item] : [];
    },

    /**
     * Go on with what the leader's tab has. What is not complete says nothing new to a feed that
     * was, and the rest of it is not waited for: it comes whole.
     *
     * @param {FeedState} leaderState
     * @param {boolean} isComplete
     * @returns {Item[]}  what was not here before; nothing where nothing was
     */
    adopt(leaderState, isComplete) {
      const before = items;
      const isSame = epoch === leaderState.epoch;
      const seen = (isSame ? version : undefined) ?? Infinity;
      if (isComplete || version === undefined) {
        if (!isSame) listedItems.clear();
        ({ items, version, epoch, unread } = leaderState);
      }
      aheadMs = leaderState.aheadMs ?? 0;
      target = isComplete ? items : null;
      isLive = isComplete;
      return [...items.values()].filter((item) => item.version > seen && !before.has(item.id));
    },
  };
}
