/**
 * `<clarion-inbox>`: a subscriber's notifications, live.
 *
 *     const inbox = document.querySelector("clarion-inbox");
 *     inbox.client = new Clarion({ token });
 *     inbox.client.connect();
 *
 * Attributes: `label` names the region, `lang` (here or above) the language of times. Slots:
 * `heading`, `actions`. A `clarion-open` event comes before an item is opened; `preventDefault()`
 * keeps its link from being followed. Content is shown as text, never as markup.
 */

import { Frame } from "./frame.js";
import { List } from "./list.js";
import { sheet } from "./style.js";
import { words } from "./words.js";

/**
 * @typedef {import("../client/clarion.js").Clarion} Clarion
 * @typedef {import("../client/frames.js").Item} Item
 * @typedef {import("./row.js").Row} Row
 */

const PAGE = 50;
const SEEN_AFTER_MS = 1_000;
const TICK_MS = 30_000;
const ANNOUNCE_AFTER_MS = 500;
const FAILURE_FOR_MS = 8_000;

export class ClarionInbox extends HTMLElement {
  /** @type {Clarion | null} */
  #client = null;
  #words = words;
  #limit = PAGE;
  /** @type {(() => void)[]} */
  #leave = [];
  /** What was asked for and not answered yet. @type {Map<string, Partial<Item>>} */
  #hoped = new Map();
  /** @type {Set<string>} */
  #shown = new Set();
  /** @type {string[]} */
  #arrived = [];
  #failure = "";
  /** @type {Map<string, ReturnType<typeof setTimeout>>} */
  #timers = new Map();

  #list = new List({
    open: (row) => this.#open(row),
    toggle: (item) => this.#toggle(item),
    archive: (item) => this.#archive(item),
    shown: (id) => this.#noteShown(id),
  });

  #frame = new Frame(this.#list.element, {
    readAll: () => this.#readAll(),
    older: () => this.#showOlder(),
  });

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [sheet];
    root.append(this.#frame.element);
  }

  /** Whose feed is shown. Connecting it is the page's business. */
  get client() {
    return this.#client;
  }

  set client(client) {
    this.#unsubscribe();
    this.#client = client;
    this.#hoped.clear();
    if (this.isConnected) this.#subscribe();
  }

  get words() {
    return this.#words;
  }

  /** @param {Partial<import("./words.js").Words>} changed */
  set words(changed) {
    this.#words = { ...words, ...changed };
    this.#show();
  }

  connectedCallback() {
    this.#subscribe();
  }

  disconnectedCallback() {
    this.#unsubscribe();
  }

  #subscribe() {
    const client = this.#client;
    if (client && this.#leave.length === 0) {
      const ticking = setInterval(() => this.#list.tick(this.#manner), TICK_MS);
      this.#leave = [
        client.on("change", () => this.#soon("show", 0, () => this.#show())),
        client.on("state", () => this.#show()),
        client.on("notification", ({ item }) => this.#announce(item)),
        () => clearInterval(ticking),
      ];
    }
    this.#show();
  }

  #unsubscribe() {
    for (const leave of this.#leave.splice(0)) leave();
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }

  get #manner() {
    const locale = this.closest("[lang]")?.getAttribute("lang") || navigator.language;
    return { words: this.#words, locale };
  }

  #show() {
    const client = this.#client;
    const items = (client?.items ?? [])
      .map((item) => this.#asHoped(item))
      .filter((item) => !item.archived_at);
    this.#list.show(items.slice(0, this.#limit), this.#manner);
    this.#frame.show({
      words: this.#words,
      label: this.getAttribute("label") ?? this.#words.heading,
      connection: client?.state ?? { state: "idle" },
      known: client?.version !== undefined,
      shown: items.length,
      unread: client?.unreadCount ?? 0,
      more: items.length > this.#limit,
      failure: this.#failure,
    });
  }

  /** @param {Item} item */
  #asHoped(item) {
    const hope = this.#hoped.get(item.id);
    return hope ? { ...item, ...hope } : item;
  }

  #showOlder() {
    this.#limit += PAGE;
    this.#show();
  }

  /** Whether its link may be followed. @param {Row} row */
  #open(row) {
    const go = this.dispatchEvent(
      new CustomEvent("clarion-open", { detail: row.item, cancelable: true, bubbles: true, composed: true }),
    );
    if (!row.item.read_at) this.#act("read", [row.item.id], { read_at: now() });
    return go;
  }

  /** @param {Item} item */
  #toggle(item) {
    if (item.read_at) this.#act("unread", [item.id], { read_at: null });
    else this.#act("read", [item.id], { read_at: now() });
  }

  /** @param {Item} item */
  #archive(item) {
    this.#act("archive", [item.id], { archived_at: now() });
  }

  #readAll() {
    this.#client?.readAll().catch((error) => this.#failed(error));
  }

  /**
   * Shows at once what was asked for; the server's answer then stands.
   *
   * @param {"read" | "unread" | "archive"} command
   * @param {string[]} ids
   * @param {Partial<Item>} hope
   */
  #act(command, ids, hope) {
    for (const id of ids) this.#hoped.set(id, { ...this.#hoped.get(id), ...hope });
    this.#show();
    this.#client?.[command](ids)
      .catch((error) => this.#failed(error))
      .finally(() => {
        for (const id of ids) this.#hoped.delete(id);
        this.#soon("show", 0, () => this.#show());
      });
  }

  /** @param {unknown} error */
  #failed(error) {
    this.#failure = this.#words.failed(error instanceof Error ? error.message : "");
    this.#frame.say(this.#failure);
    this.#show();
    this.#soon("failure", FAILURE_FOR_MS, () => {
      this.#failure = "";
      this.#show();
    });
  }

  /** @param {string} id */
  #noteShown(id) {
    this.#shown.add(id);
    this.#soon("seen", SEEN_AFTER_MS, () => {
      const ids = [...this.#shown];
      this.#shown.clear();
      this.#client?.seen(ids).catch(() => {}); // tried again when it is shown again
    });
  }

  /** One sentence for all that came together. @param {Item} item */
  #announce(item) {
    this.#arrived.push(item.title);
    this.#soon("announce", ANNOUNCE_AFTER_MS, () => {
      this.#frame.say(this.#words.arrived(this.#arrived.splice(0)));
    });
  }

  /**
   * @param {string} name
   * @param {number} ms
   * @param {() => void} act
   */
  #soon(name, ms, act) {
    if (this.#timers.has(name)) return;
    const timer = setTimeout(() => {
      this.#timers.delete(name);
      act();
    }, ms);
    this.#timers.set(name, timer);
  }
}

function now() {
  return new Date().toISOString();
}

customElements.define("clarion-inbox", ClarionInbox);
