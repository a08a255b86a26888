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
export type Item = import("./frames.js").Item;
export type FeedFrame = import("./frames.js").FeedFrame;
export type Feed = ReturnType<typeof feed>;
export type Outcome = {
    /**
     * items, version or unread are not what they were
     */
    changed?: boolean;
    /**
     * items that were not here before, oldest first
     */
    arrived?: Item[];
    /**
     * something is missing: send `hello()` again
     */
    ask?: boolean;
    /**
     * the replay is over
     */
    caughtUp?: boolean;
};
export type FeedState = {
    items: Map<string, Item>;
    /**
     * what has come of one that is not complete
     */
    snapshot: Map<string, Item> | null;
    version: number | undefined;
    unread: number;
    phase: "silent" | "asked" | "replay" | "live";
};
/**
 * A subscriber's feed as this client knows it. No I/O: frames go in, an outcome comes out. Two
 * feeds that are given the same say the same.
 *
 * `version` is the resume cursor: all up to it has been handled. A snapshot takes the place of the
 * items at once when it is complete, so a lost connection leaves the old feed or the new one.
 */
export declare function feed(): {
    /** `version` is undefined until a first snapshot is complete; the server counts `unread`. */
    state: () => FeedState;
    /** All items, the newest first. */
    items: () => import("./frames.js").Item[];
    item: (id: string) => import("./frames.js").Item | undefined;
    /** All that is held. */
    held: () => import("./frames.js").Item[];
    /** Follow what becomes of these items too, which a list has brought. @param {Item[]} items */
    keep(items: Item[]): void;
    /** The frame that asks for what is missing. @returns {{type: "hello", since?: number}} */
    hello(): {
        type: "hello";
        since?: number;
    };
    /** The connection is gone: half a snapshot is worth nothing. */
    lost(): void;
    apply: (frame: FeedFrame) => Outcome;
    /**
     * Go on as another tab's feed, which may be a little behind this one or ahead.
     *
     * @param {FeedState} other
     * @returns {Item[]}  what was not here before; nothing where nothing was
     */
    adopt(other: FeedState): Item[];
};
