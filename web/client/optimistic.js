/**
 * Optimistic updates: pending commands shown as if they had been carried out. No I/O.
 *
 * @typedef {import("./frames.js").Item} Item
 * @typedef {import("./frames.js").StateFrame} StateFrame
 * @typedef {import("./commands.js").Pending} Pending
 * @typedef {Map<Required<StateFrame>, unknown>} PendingStates  one that publishes concerns no item
 */

/**
 * The item as it will be when all of these are carried out; itself where none concerns it.
 *
 * @param {Item} item
 * @param {Pending} pending
 * @returns {Item}
 */
export function withPending(item, pending) {
  for (const [{ type, ids, up_to = 0, until }] of /** @type {PendingStates} */ (pending)) {
    if (ids ? !ids.includes(item.id) : item.version > up_to) continue;
    const now = new Date().toISOString();
    item = { ...item };
    if (type === "unread") item.read_at = null;
    else if (type === "snooze") item.archived_at || (item.snoozed_until = until);
    else if (type === "unarchive") item.archived_at = null;
    else if (type === "archive") {
      item.archived_at ??= now;
      item.snoozed_until = null;
    } else {
      item.seen_at ??= now;
      if (type === "read") item.read_at ??= now;
    }
  }
  return item;
}

/**
 * The server's count, moved by the pending commands. Unread items that this client does not hold
 * count too; they can only be meant by a command that reaches up to all there is.
 *
 * @param {import("./feed.js").FeedState} feed
 * @param {Item[]} items  all that are held, as the server last said
 * @param {Pending} pending
 */
export function pendingUnreadCount({ unread, version = Infinity }, items, pending) {
  const isUnreadElsewhere = isUnread(withPending(/** @type {Item} */ ({ version }), pending));
  const elsewhere = isUnreadElsewhere ? unread - items.filter(isUnread).length : 0;
  return Math.max(0, elsewhere + items.filter((item) => isUnread(withPending(item, pending))).length);
}

/** @param {Item} item */
function isUnread({ read_at, archived_at, snoozed_until }) {
  return !(read_at || archived_at || snoozed_until);
}
