/**
 * What commands without an answer will have done, shown before they have done it. No I/O.
 *
 * @typedef {import("./frames.js").Item} Item
 * @typedef {import("./frames.js").StateFrame} StateFrame
 */

/**
 * The item as it will be when all of these are carried out.
 *
 * @param {Item} item
 * @param {StateFrame[]} commands  in the order they were given
 * @returns {Item}
 */
export function hoped(item, commands) {
  for (const command of commands) {
    const { ids, up_to = 0 } = command;
    if (ids ? ids.includes(item.id) : item.version <= up_to) item = { ...item, ...patch(item, command) };
  }
  return item;
}

/**
 * The server's count, moved by what is hoped for. Unread items that this client does not hold
 * count too; they can only be meant by a command that reaches up to all there is.
 *
 * @param {number} unread  as the server last counted
 * @param {Item[]} items  all that are held, as the server last said
 * @param {StateFrame[]} commands
 * @param {number} version  of the feed
 */
export function hopedCount(unread, items, commands, version) {
  if (!commands.length) return unread;
  const reachesAll = commands.some(
    ({ type, up_to = -1 }) => ["read", "archive", "snooze"].includes(type) && up_to >= version,
  );
  const elsewhere = reachesAll ? 0 : unread - count(items);
  return Math.max(0, elsewhere + count(items.map((item) => hoped(item, commands))));
}

/** @param {Item[]} items */
function count(items) {
  return items.filter((item) => !item.read_at && !item.archived_at && !item.snoozed_until).length;
}

/**
 * @param {Item} item
 * @param {StateFrame} command
 * @returns {Partial<Item>}
 */
function patch(item, { type, until = null }) {
  const now = new Date().toISOString();
  const seen_at = item.seen_at ?? now;
  if (type === "read") return { read_at: item.read_at ?? now, seen_at };
  if (type === "unread") return { read_at: null };
  if (type === "seen") return { seen_at };
  if (type === "archive") return { archived_at: item.archived_at ?? now, snoozed_until: null };
  return item.archived_at ? {} : { snoozed_until: until };
}
