/**
 * @typedef {import("./frames.js").ServerFrame} ServerFrame
 * @typedef {import("./frames.js").CommandFrame} CommandFrame
 * @typedef {import("./connection.js").StateChange} StateChange
 *
 * @typedef {{feed: import("./feed.js").FeedState, change: StateChange}} Sync
 * @typedef {{sync: Sync} | {change: StateChange} | {hello: true} | {frame: ServerFrame}} News
 * @typedef {News & {term: number} | {join: true} | {command: CommandFrame}} Message
 *
 * @typedef {object} TabsOptions
 * @property {() => Sync} sync  all that a tab needs to go on with
 * @property {() => void} onLead  this tab is the leader now
 * @property {() => void} onDeposed  another took its place
 * @property {(news: News) => void} onNews  from the leader, in the leader's order
 * @property {(frame: CommandFrame) => void} onCommand  from a follower
 */
export type ServerFrame = import("./frames.js").ServerFrame;
export type CommandFrame = import("./frames.js").CommandFrame;
export type StateChange = import("./connection.js").StateChange;
export type Sync = {
    feed: import("./feed.js").FeedState;
    change: StateChange;
};
export type News = {
    sync: Sync;
} | {
    change: StateChange;
} | {
    hello: true;
} | {
    frame: ServerFrame;
};
export type Message = (News & {
    term: number;
}) | {
    join: true;
} | {
    command: CommandFrame;
};
export type TabsOptions = {
    /**
     * all that a tab needs to go on with
     */
    sync: () => Sync;
    /**
     * this tab is the leader now
     */
    onLead: () => void;
    /**
     * another took its place
     */
    onDeposed: () => void;
    /**
     * from the leader, in the leader's order
     */
    onNews: (news: News) => void;
    /**
     * from a follower
     */
    onCommand: (frame: CommandFrame) => void;
};
/**
 * One connection for all tabs of a browser that show the same feed. The tab that holds a Web Lock
 * leads: it connects and tells the others all it hears, in order. When it closes or crashes the
 * browser gives the lock to the next; a leader that a person's visible tab cannot reach, because its
 * page is frozen, loses it. A browser without Web Locks has a connection for each tab.
 *
 * @param {TabsOptions} options
 */
export declare function tabs({ sync, onLead, onDeposed, onNews, onCommand }: TabsOptions): {
    /** Whether the connection is this tab's. */
    leads: () => boolean;
    tell: (news: News) => void;
    join: () => void;
    leave: () => void;
    /** To the leader. @param {CommandFrame} command */
    send: (command: CommandFrame) => void | undefined;
    /**
     * @param {string | null} shared  names the feed; null keeps the connection to this tab
     * @returns {Promise<void>}  when this tab leads
     */
    admit(shared: string | null): Promise<void>;
};
