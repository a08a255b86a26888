/**
 * What commands do to items: those of the server, and pending ones shown as if they had been carried
 * out. No I/O.
 *
 * @typedef {import("./frames.js").Item} Item
 * @typedef {import("./frames.js").StateFrame} StateFrame
 * @typedef {import("./commands.js").Pending} Pending
 * @typedef {Map<Required<StateFrame>, unknown>} PendingStates  one that publishes concerns no item
 */

/**
 * The version with which the item entered the inbox, or came back because its snooze ended; an older
 * server tells only that of the last change.
 *
 * @param {Pick<Item, "entered" | "version">} item
 */
export const enteredAt = ({ entered, version }) => entered ?? version;

/**
 * @param {Item} item
 * @param {{ids?: string[], up_to?: number, category?: string | null}} command
 */
export function isMeant(item, { ids, up_to = 0, category }) {
  return ids ? ids.includes(item.id) : enteredAt(item) <= up_to && (!category || category === item.category);
}

/**
 * The item as it is then: only what is unset is set.
 *
 * @param {Item} item
 * @param {string} verb  one that is not known does nothing
 * @param {string} at
 * @param {string | null} [until]  of a snooze
 * @returns {Item}
 */
export function carriedOut(item, verb, at, until = null) {
  const after = { ...item };
  if (verb === "unread") after.read_at = null;
  else if (verb === "snooze") after.archived_at || (after.snoozed_until = until);
  else if (verb === "unarchive") after.archived_at = null;
  else if (verb === "archive") {
    after.archived_at ??= at;
    after.snoozed_until = null;
  } else if (verb === "read" || verb === "seen") {
    after.seen_at ??= at;
    if (verb === "read") after.read_at ??= at;
  }
  return after;
}

/**
 * The item as it will be when all of these are carried out; itself where none concerns it.
 *
 * @param {Item} item
 * @param {Pending} pending
 * @returns {Item}
 */
export function withPending(item, pending) {
  for (const [command] of /** @type {PendingStates} */ (pending)) {
    if (isMeant(item, command)) item = carriedOut(item, command.type, new Date().toISOString(), command.until);
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
