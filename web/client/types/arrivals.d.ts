export type Clarion = import("./clarion.js").Clarion;
export type Arrival = {
    item: import("./frames.js").Item;
    replayed: boolean;
};
export type BufferOptions = {
    /**
     * arrivals that may wait for the loop; 256
     */
    limit?: number;
    /**
     * the oldest are dropped
     */
    whenFull?: "drop-oldest" | "drop-newest" | "throw";
};
/**
 * @typedef {import("./clarion.js").Clarion} Clarion
 * @typedef {{item: import("./frames.js").Item, replayed: boolean}} Arrival
 *
 * @typedef {object} BufferOptions
 * @property {number} [limit]  arrivals that may wait for the loop; 256
 * @property {"drop-oldest" | "drop-newest" | "throw"} [whenFull]  the oldest are dropped
 */
/**
 * New items for a `for await` loop, from its first turn on. What waits is bounded: a slow loop
 * costs no memory. The loop ends when the feed is closed; a refused feed throws.
 *
 * @param {Clarion} client
 * @param {BufferOptions} options
 * @returns {AsyncGenerator<Arrival, void, undefined>}
 */
export declare function arrivals(client: Clarion, { limit, whenFull }: BufferOptions): AsyncGenerator<Arrival, void, undefined>;
