/**
 * Which items are shown.
 *
 * @typedef {import("../client/frames.js").Item} Item
 * @typedef {"inbox" | "unread" | "snoozed" | "archived"} ViewState
 * @typedef {{state: ViewState, category: string}} View  all categories where it is empty
 */

export const STATES = /** @type {const} */ (["inbox", "unread", "snoozed", "archived"]);

/**
 * @param {string | null} name
 * @returns {name is ViewState}
 */
export function isState(name) {
  return STATES.some((state) => state === name);
}

/**
 * @param {Item} item
 * @param {View} view
 */
export function isInView(item, { state, category }) {
  if (category && item.category !== category) return false;
  if (state === "archived" || item.archived_at) return state === "archived" && !!item.archived_at;
  if (state === "snoozed" || item.snoozed_until) return state === "snoozed" && !!item.snoozed_until;
  return state === "inbox" || !item.read_at;
}
