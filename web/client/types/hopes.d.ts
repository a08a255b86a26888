/**
 * What commands without an answer will have done, shown before they have done it. No I/O.
 *
 * @typedef {import("./frames.js").Item} Item
 * @typedef {import("./frames.js").StateFrame} StateFrame
 */
export type Item = import("./frames.js").Item;
export type StateFrame = import("./frames.js").StateFrame;
/**
 * The item as it will be when all of these are carried out.
 *
 * @param {Item} item
 * @param {StateFrame[]} commands  in the order they were given
 * @returns {Item}
 */
export declare function hoped(item: Item, commands: StateFrame[]): Item;
/**
 * The server's count, moved by what is hoped for. Unread items that this client does not hold
 * count too; they can only be meant by a command that reaches up to all there is.
 *
 * @param {number} unread  as the server last counted
 * @param {Item[]} items  all that are held, as the server last said
 * @param {StateFrame[]} commands
 * @param {number} version  of the feed
 */
export declare function hopedCount(unread: number, items: Item[], commands: StateFrame[], version: number): number;
