/** @typedef {import("../client/clarion.js").Clarion} Clarion */

const PAGE = 200;

/**
 * Marks all as read, or all of one category, those too that are not loaded. A server whose items do not
 * tell when they entered would pass over the category.
 *
 * @param {Clarion} client
 * @param {string} category  all where it is empty
 */
export async function readAll(client, category) {
  if (!category || client.items.some(({ entered }) => entered)) return client.readAll(category || undefined);
  /** @type {string | null} */
  let cursor = null;
  do {
    /** @type {import("../client/clarion.js").Page} */
    const page = await client.list({ state: "unread", category, cursor, limit: PAGE });
    if (page.items.length > 0) await client.read(page.items.map((item) => item.id));
    cursor = page.next_cursor;
  } while (cursor);
}
