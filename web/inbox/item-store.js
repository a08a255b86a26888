/**
 * The items of one view: what the live feed holds, and older ones that are fetched page by page.
 * Each is there once, as it is now, whatever arrives meanwhile.
 *
 * @typedef {import("../client/clarion.js").Clarion} Clarion
 * @typedef {import("../client/frames.js").Item} Item
 * @typedef {import("./view.js").View} View
 */

import { isInView } from "./view.js";

const PAGE_SIZE = 50;
/** A feed that holds fewer than this holds all that is neither archived nor snoozed. */
const SNAPSHOT_SIZE = 50;

export class ItemStore {
  /** @type {Clarion | null} */
  #client = null;
  /** @type {View} */
  #view = { state: "inbox", category: "" };
  /** @type {Set<string>} */
  #fetched = new Set();
  /** Of the next page; undefined before the first, null after the last. @type {string | null | undefined} */
  #cursor;
  /** The last item of the pages: what is older may miss neighbours. @type {Item | null} */
  #last = null;
  /** @type {Promise<void> | null} */
  #loading = null;
  #failure = "";
  #onChange;

  /** @param {() => void} onChange  a page came, or failed */
  constructor(onChange) {
    this.#onChange = onChange;
  }

  get view() {
    return this.#view;
  }

  get isLoading() {
    return this.#loading !== null;
  }

  /** Why the last page did not come; empty where it did. */
  get failure() {
    return this.#failure;
  }

  /** Whether there may be older ones. */
  get hasMore() {
    if (!this.#client || this.#client.version === undefined) return false;
    if (this.#cursor !== undefined) return this.#cursor !== null;
    if (this.#view.state === "archived" || this.#view.state === "snoozed") return true;
    return this.#client.items.length >= SNAPSHOT_SIZE;
  }

  /**
   * Begins anew.
   *
   * @param {Clarion | null} client
   * @param {View} view
   */
  reset(client, view) {
    this.#client = client;
    this.#view = view;
    this.#fetched = new Set();
    this.#cursor = undefined;
    this.#last = null;
    this.#loading = null;
    this.#failure = "";
  }

  /** The newest first. @returns {Item[]} */
  items() {
    const client = this.#client;
    if (!client) return [];
    const fetched = [...this.#fetched].map((id) => client.item(id));
    // The server began a new history, so the client forgot the old one
    if (fetched.includes(undefined)) this.reset(client, this.#view);
    /** @type {Map<string, Item>} */
    const items = new Map();
    for (const item of client.items) if (this.#isCovered(item)) items.set(item.id, item);
    for (const id of this.#fetched) {
      const item = client.item(id);
      if (item) items.set(id, item);
    }
    return [...items.values()].filter((item) => isInView(item, this.#view)).sort(newestFirst);
  }

  /** Fetches the next page, once at a time. */
  async loadOlder() {
    if (this.#loading || !this.hasMore) return;
    this.#failure = "";
    const loading = (this.#loading = this.#fetchPage());
    this.#onChange();
    await loading;
  }

  async #fetchPage() {
    const fetched = this.#fetched;
    const { state, category } = this.#view;
    const cursor = this.#cursor ?? null;
    // The first page begins at the top, with what the feed holds
    const limit = cursor ? PAGE_SIZE : PAGE_SIZE + SNAPSHOT_SIZE;
    try {
      const page = await this.#client?.list({ state, ...(category && { category }), cursor, limit });
      if (!page || fetched !== this.#fetched) return;
      for (const item of page.items) fetched.add(item.id);
      this.#cursor = page.next_cursor;
      this.#last = page.next_cursor ? (page.items.at(-1) ?? this.#last) : null;
    } catch (error) {
      if (fetched !== this.#fetched) return;
      this.#failure = error instanceof Error ? error.message : String(error);
    }
    this.#loading = null;
    this.#onChange();
  }

  /** @param {Item} item */
  #isCovered(item) {
    return !this.#last || newestFirst(item, this.#last) <= 0;
  }
}

/** Read once: thousands are sorted when one arrives. @type {WeakMap<Item, number>} */
const timestamps = new WeakMap();

/** @param {Item} item */
function timestampOf(item) {
  const timestamp = timestamps.get(item) ?? Date.parse(item.created_at);
  timestamps.set(item, timestamp);
  return timestamp;
}

/**
 * @param {Item} a
 * @param {Item} b
 */
function newestFirst(a, b) {
  return timestampOf(b) - timestampOf(a) || (a.id < b.id ? 1 : -1);
}
