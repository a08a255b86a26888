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
import { ClarionError } from "./commands.js";
export { ClarionError };
export type Item = import("./frames.js").Item;
export type ServerFrame = import("./frames.js").ServerFrame;
export type StateFrame = import("./frames.js").StateFrame;
export type Command = import("./commands.js").Command;
export type Arrival = import("./arrivals.js").Arrival;
export type BufferOptions = import("./arrivals.js").BufferOptions;
export type State = import("./connection.js").State;
export type StateChange = import("./connection.js").StateChange;
export type Options = {
    /**
     * a subscriber token, or who asks for a new one
     */
    token: import("./tokens.js").TokenOption;
    /**
     * of the live endpoint; `/v1/live` of this page's host
     */
    url?: string;
    /**
     * one connection for all tabs; else each has its own
     */
    share?: boolean;
    /**
     * of the way back after a loss
     */
    backoff?: Partial<import("./return.js").Backoff>;
};
export type Which = string | string[] | {
    upTo: number;
};
export type ListOptions = {
    /**
     * `inbox`: neither archived nor snoozed
     */
    state?: "inbox" | "unread" | "archived" | "snoozed" | "all";
    category?: string;
    /**
     * the `next_cursor` of the page before
     */
    cursor?: string | null;
    limit?: number;
};
export type Page = {
    items: Item[];
    next_cursor: string | null;
};
export type Events = {
    /**
     * the connection
     */
    state: StateChange;
    /**
     * items or the unread count are new
     */
    change: null;
    /**
     * an item that was not here before, or is back from a snooze
     */
    notification: Arrival;
    /**
     * what the server refused outside of a command
     */
    error: ClarionError;
};
export declare class Clarion extends EventTarget {
    #private;
    /** @param {Options} options */
    constructor({ token, url, share, backoff }: Options);
    /** Items, the newest first, archived ones among them; with what commands will have done. */
    get items(): import("./frames.js").Item[];
    /** One of the items, or of those that `list()` has brought: as it is now. @param {string} id */
    item(id: string): import("./frames.js").Item | undefined;
    /** As the server counts; moved at once by commands that it has not answered. */
    get unreadCount(): number;
    /** The resume cursor; undefined until the feed was complete once. */
    get version(): number | undefined;
    /** Of the connection, this tab's or the leader's. */
    get state(): import("./connection.js").StateChange;
    /** Why nothing goes on, where the state is `closed` or `refused`. */
    get failure(): ClarionError;
    connect(): void;
    /** Stays away until `connect()`; the items stay. Commands without an answer are rejected. */
    disconnect(): void;
    /**
     * Commands show at once in `items` and `unreadCount`. They resolve when the server has carried
     * them out, survive a lost connection, and are taken back where it refuses.
     *
     * @param {Which} which
     */
    read(which: Which): Promise<void>;
    /** @param {Which} which */
    unread(which: Which): Promise<void>;
    /** @param {Which} which */
    seen(which: Which): Promise<void>;
    /** @param {Which} which */
    archive(which: Which): Promise<void>;
    /**
     * Away until then; `null` brings it back now.
     *
     * @param {Which} which
     * @param {Date | string | null} until  a string as RFC 3339 writes it
     */
    snooze(which: Which, until: Date | string | null): Promise<void>;
    /**
     * Tell all members of a topic; the token must allow it. Published once, however often it is sent.
     *
     * @param {string} topic
     * @param {unknown} data
     */
    publish(topic: string, data: unknown): Promise<void>;
    /**
     * A page of the inbox, the newest first, also from before the feed began. `item(id)` and the
     * `change` event tell what becomes of its items.
     *
     * @param {ListOptions} [options]
     * @returns {Promise<Page>}
     */
    list({ state, category, cursor, limit }?: ListOptions): Promise<Page>;
    /**
     * New items for a `for await` loop, from its first turn on. What waits is bounded: a slow loop
     * costs no memory. The loop ends when the feed is closed; a refused feed throws.
     *
     * @param {BufferOptions} [options]
     */
    notifications(options?: BufferOptions): AsyncGenerator<import("./arrivals.js").Arrival, void, undefined>;
    [Symbol.asyncIterator](): AsyncGenerator<import("./arrivals.js").Arrival, void, undefined>;
    /** All that this client knows of. */
    readAll(): Promise<void>;
    /**
     * @template {keyof Events} Name
     * @param {Name} name
     * @param {(detail: Events[Name]) => void} listener
     * @returns {() => void}  takes the listener away again
     */
    on<Name extends keyof Events>(name: Name, listener: (detail: Events[Name]) => void): () => void;
}
