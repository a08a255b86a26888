import { afterChange, applyChange, isHeld } from "./changes.js";
import { MAX_ITEMS, MAX_RECENT_CHANGES } from "./limits.js";
import { enteredAt } from "./optimistic.js";
import { isFeedFrame } from "./protocol.js";

/**
 * @typedef {import("./frames.js").Item} Item
 * @typedef {import("./changes.js").Change} Change
 * @typedef {import("./frames.js").FeedFrame} FeedFrame
 * @typedef {{items: Item[], version?: number, epoch?: string}} ListPage
 *
 * @typedef {object} FeedState
 * @property {Map<string, Item>} items
 * @property {number} [version]  the resume cursor: all up to it has been handled; none until the
 *   feed was complete once
 * @property {string} [epoch]  versions compare within one: another names a restored history
 * @property {number} unread  as the server counts
 * @property {number} [aheadMs]  what the server's clock is ahead of this computer's
 * @property {import("./changes.js").Snapshot} [snapshot]
 * @property {Change[]} [recent]  the last changes: all after the version of the first
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
  /** @type {import("./changes.js").Snapshot} */
  let snapshot = { version: 0, ids: [] };
  /** All after the version of the first. @type {Change[]} */
  let recent = [];
  /** What entered up to here was new once. @type {number | undefined} */
  let toldTo;
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
    if (version !== undefined) target = items;
    else if (!target) {
      target = new Map();
      snapshot = { version: frame.version, ids: [] };
      recent = [{ version: frame.version, items: [] }];
    }
    epoch = frame.epoch ?? epoch;
    unread = frame.unread;
    isLive = false;
    return [];
  }

  /** @param {Item} item @param {Item} [held]  before */
  function isNew(item, held) {
    const { archived_at } = held ?? find(item.id) ?? item;
    const entered = item.entered ?? (item.seen_at || archived_at ? 0 : item.version); // of an older server
    return entered > (toldTo ?? Infinity) && !(held && enteredAt(held) >= entered);
  }

  /** @param {Map<string, Item>} held @param {Change} change */
  function applyToFeed(held, change) {
    for (const state of change.items) {
      if (!("title" in state)) continue;
      const isFirst = held !== items && state.version <= snapshot.version;
      if (isFirst && !held.has(state.id)) snapshot.ids.push(state.id);
      held.set(state.id, state);
    }
    applyChange(held, change);
    for (const item of held.values()) if (!isHeld(item, snapshot)) held.delete(item.id);
    if (held.size <= MAX_ITEMS) return;
    const newestFirst = [...held.values()].sort((a, b) => enteredAt(b) - enteredAt(a));
    for (const { id } of newestFirst.slice(MAX_ITEMS)) held.delete(id);
  }

  const recentFrom = () => recent[0]?.version ?? 0;

  /** @param {string} id */
  const find = (id) => items.get(id) ?? listedItems.get(id);

  return {
    /** @returns {FeedState} */
    state: () => ({ items, version, epoch, unread, aheadMs, snapshot, recent }),

    /** One of the items, or of those that a list has brought. @param {string} id */
    item: find,

    /** All that is held. */
    all: () => [...new Map([...listedItems, ...items]).values()],

    /** All of it: whose it was may see it no more. */
    clear() {
      items = new Map();
      listedItems.clear();
      recent = [];
      target = version = toldTo = undefined;
      unread = 0;
    },

    /**
     * Of another history, or older than the changes that are remembered: what it has may be gone.
     *
     * @param {ListPage} page
     */
    isOutdated: (page) => (!!epoch && page.epoch !== epoch) || (page.version ?? Infinity) < recentFrom(),

    /**
     * Follow what becomes of these too, which a list has brought.
     *
     * @param {ListPage} page
     * @returns {Item[]}  as they are now
     */
    track: (page) =>
      page.items.map((item) => {
        for (const change of recent) if (change.version > (page.version ?? Infinity)) item = afterChange(item, change);
        if ((listedItems.get(item.id)?.version ?? 0) <= item.version) listedItems.set(item.id, item);
        return item;
      }),

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
     * @returns {Item[] | undefined}  those that are new, oldest first; nothing where nothing has changed
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
        version = toldTo = frame.version;
        isLive = true;
        return [];
      }
      unread = frame.unread ?? unread;
      const { item, items: states = [] } = /** @type {{item?: Item, items?: Item[]}} */ (frame);
      // In a replay that of a frame is a place to resume from, and may be before its item's
      const change = { ...frame, version: (item ?? frame).version, items: item ? [item] : states };
      const arrived = item && isResumed && isNew(item, items.get(item.id)) ? [item] : [];
      applyToFeed(target, change);
      applyChange(listedItems, change);
      recent.push(change);
      if (recent.length > MAX_RECENT_CHANGES) recent.shift();
      if (isLive) toldTo = version;
      return arrived;
    },

    /**
     * Go on with what the leader's tab has. What is not complete says nothing new to a feed that
     * was, and the rest of it is not waited for: it comes whole.
     *
     * @param {FeedState} leaderState
     * @param {boolean} isComplete
     * @returns {Item[]}  those that are new; nothing where nothing was here before
     */
    adopt(leaderState, isComplete) {
      /** @type {Item[]} */
      let arrived = [];
      if (isComplete || version === undefined) {
        const before = items;
        const isSame = epoch === leaderState.epoch;
        const since = version ?? 0;
        ({ items, version, epoch, unread, snapshot = snapshot, recent = [] } = leaderState);
        if (!isSame || recentFrom() > since) listedItems.clear();
        for (const change of recent) if (change.version > since) applyChange(listedItems, change);
        if (isSame) arrived = [...items.values()].filter((item) => isNew(item, before.get(item.id)));
        toldTo = version;
      }
      aheadMs = leaderState.aheadMs ?? 0;
      target = isComplete ? items : null;
      isLive = isComplete;
      return arrived;
    },
  };
}
