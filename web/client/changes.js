/**
 * What frames do to items that are held, and which items are held. No I/O.
 *
 * @typedef {import("./frames.js").Item} Item
 * @typedef {import("./frames.js").ItemState} ItemState
 *
 * @typedef {object} Change  of a frame: items one by one, or a command for all that entered by `up_to`
 * @property {number} version
 * @property {(Item | ItemState)[]} items
 * @property {string} [verb]
 * @property {number} [up_to]
 * @property {string | null} [category]
 * @property {string} [at]
 *
 * @typedef {{version: number, ids: string[]}} Snapshot  what a feed began with
 */

import { SNAPSHOT_SIZE } from "./limits.js";
import { carriedOut, enteredAt, isMeant } from "./optimistic.js";

/** The item as it leaves it. @param {Item} item @param {Change} change @returns {Item} */
export function afterChange(item, change) {
  const { verb, at = "", items, version } = change;
  if (verb && item.version < version && isMeant(item, change)) return carriedOut(item, verb, at);
  const state = items.find(({ id }) => id === item.id);
  return state ? { ...item, ...state } : item;
}

/** To what is there of them. @param {Map<string, Item>} known @param {Change} change */
export function applyChange(known, change) {
  for (const id of change.verb ? known.keys() : change.items.map((state) => state.id)) {
    const item = known.get(id);
    if (item) known.set(id, afterChange(item, change));
  }
}

/**
 * Held is what the snapshot had, what entered after it, and what came back into view, unless it is
 * older than all of the snapshot: so much can be told whether changes were heard one by one or not.
 *
 * @param {Item} item
 * @param {Snapshot} snapshot
 */
export function isHeld(item, { version, ids }) {
  if (enteredAt(item) > version || ids.includes(item.id)) return true;
  const isRecent = ids.length < SNAPSHOT_SIZE || ids.some((id) => id < item.id);
  return isRecent && !item.archived_at && !item.snoozed_until;
}
