/**
 * `<clarion-inbox>`: a subscriber's notifications, live.
 *
 *     const inbox = document.querySelector("clarion-inbox");
 *     inbox.client = new Clarion({ token });
 *     inbox.client.connect();
 *
 * What it takes and tells: docs/guides/show-the-feed.md. Content is text, never markup.
 */

import { isShut } from "../client/clarion.js";
import { Commands } from "./commands.js";
import { FeedElement } from "./feed-element.js";
import { Frame } from "./frame.js";
import { Herald } from "./herald.js";
import { List } from "./list.js";
import { alphabet } from "./locale.js";
import { define, dress } from "./platform.js";
import { Shelf } from "./shelf.js";
import { Sightings } from "./sightings.js";
import { sheets } from "./style/inbox.js";
import { Timers } from "./timers.js";
import { Toaster } from "./toast.js";
import { troubleOf } from "./trouble.js";
import { belongs, isState } from "./view.js";

/**
 * @typedef {import("../client/clarion.js").Clarion} Clarion
 * @typedef {import("../client/frames.js").Item} Item
 * @typedef {import("./row.js").Row} Row
 * @typedef {import("./view.js").View} View
 */

const TICK_MS = 30_000;

export class ClarionInbox extends FeedElement {
  /** @type {readonly string[]} @override */
  static observedAttributes = [...FeedElement.observedAttributes, "view", "category"];

  #timers = new Timers();
  #shelf = new Shelf(() => this.#pageCame());
  /** @type {Set<string>} */
  #categories = new Set();
  #sightings = new Sightings();
  #above = 0;
  /** There was a feed, and is none now. */
  #isLeft = false;
  #toaster = new Toaster();
  #herald = new Herald(this, (items) => this.#arrived(items));
  #commands = new Commands(this, this.#toaster, (sentence) => this.#herald.say(sentence));

  #list = new List(this.#commands, {
    open: (row) => this.#used("clarion-open", row, row.item),
    act: (row, { textContent: label, href: url }) => this.#used("clarion-action", row, { item: row.item, label, url }),
    shown: (id) => this.#sightings.note(this.client, id),
    emptied: () => this.#frame.scroll.focus(),
  });

  #frame = new Frame(this.#list.element, {
    choose: (changed) => this.#choose(changed),
    readAll: () => this.#commands.readAll(this.category),
    older: () => void this.#shelf.older(),
    retry: () => this.#retry(),
    reachedTop: () => this.#seenAbove(),
    newest: () => this.#list.focusNewest(),
  });

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    dress(root, sheets);
    const section = this.#frame.element;
    section.append(this.#commands.element, this.#herald.element, this.#toaster.element);
    this.#frame.scroll.addEventListener("keydown", ({ key, altKey, shiftKey, repeat }) => {
      if (key === "z" && !altKey && !shiftKey && !repeat) this.#commands.undo();
    });
    root.append(section);
  }

  /** The state of the items that are shown. Also the attribute `view`. */
  get view() {
    return this.#shelf.view.state;
  }

  set view(state) {
    this.setAttribute("view", state);
  }

  /** Only of this category; all where it is empty. Also the attribute `category`. */
  get category() {
    return this.#shelf.view.category;
  }

  set category(category) {
    this.setAttribute("category", category);
  }

  /** On the row that Tab would reach. @override */
  focus() {
    if (!this.#list.focus()) this.#frame.scroll.focus();
  }

  /** Brings an item into view and gives it the focus, where it is shown. @param {Pick<Item, "id">} item */
  reveal({ id }) {
    this.render();
    if (!this.#list.focus(id)) this.focus();
  }

  /**
   * @override
   * @param {string} name
   */
  attributeChangedCallback(name) {
    super.attributeChangedCallback(name);
    if (["view", "category"].includes(name)) this.#look(this.#wantedView());
  }

  /**
   * @protected
   * @override
   * @param {Clarion} client
   */
  attend(client) {
    const ticking = setInterval(() => this.#list.tick(this.manner), TICK_MS);
    this.#frame.watchEnd();
    return [
      client.on("change", () => this.#timers.soon("render", 0, () => this.render())),
      client.on("state", (change) => (isShut(change) ? this.forget() : this.render())),
      ...this.#herald.follow(client),
      () => clearInterval(ticking),
      () => this.#timers.stopAll(),
      () => this.#sightings.stop(),
      () => this.#toaster.clear(),
    ];
  }

  /** @protected @override */
  forget() {
    this.#commands.clear();
    this.#toaster.clear();
    this.#herald.clear();
    this.#sightings.stop();
    this.#timers.stopAll();
    this.#categories.clear();
    this.#isLeft = !this.client;
    this.#look(this.#wantedView());
  }

  /** @override */
  render() {
    const client = this.client;
    const items = this.#shelf.items();
    for (const { category } of [...(client?.items ?? []), ...items]) {
      if (category) this.#categories.add(category);
    }
    this.#list.show(items, this.manner);
    const connection = client?.state ?? { state: "idle" };
    this.#frame.show({
      words: this.words,
      locale: this.locale,
      label: this.getAttribute("label") ?? this.words.heading,
      view: this.#shelf.view,
      categories: [...this.#categories].sort(alphabet(this.locale)),
      connection,
      known: client?.version !== undefined,
      shown: items.length,
      unread: client?.unreadCount ?? 0,
      readable: ["inbox", "unread"].includes(this.view) && items.length > 0 && this.#anyUnread(items),
      above: this.#above,
      page: this.#shelf,
      trouble: this.#isLeft
        ? { text: this.words.states["signed-out"], retry: false }
        : troubleOf(connection, this.words),
      failure: this.#commands.failure,
    });
    if (items.length === 0 && !this.#shelf.failure) void this.#shelf.older();
  }

  /** Of a category the server does not count; what is not loaded may be. @param {Item[]} items */
  #anyUnread(items) {
    return !this.category || this.#shelf.more || items.some((item) => !item.read_at);
  }

  /** @returns {View} */
  #wantedView() {
    const state = this.getAttribute("view");
    return { state: isState(state) ? state : "inbox", category: this.getAttribute("category") ?? "" };
  }

  /** @param {Partial<View>} changed */
  #choose(changed) {
    const view = { ...this.#shelf.view, ...changed };
    this.#look(view);
    this.#frame.scroll.scrollTop = 0;
    this.dispatchEvent(new CustomEvent("clarion-view", { detail: view, bubbles: true, composed: true }));
  }

  /** @param {View} view */
  #look(view) {
    this.#shelf.show(this.client, view);
    this.#above = 0;
    this.render();
  }

  #pageCame() {
    this.render();
    // The end may still be in view, or the page have held nothing that is shown
    if (!this.#shelf.loading && !this.#shelf.failure) this.#frame.watchEnd();
  }

  #retry() {
    if (this.#shelf.failure) void this.#shelf.older();
    this.client?.connect();
  }

  /**
   * @param {"clarion-open" | "clarion-action"} name
   * @param {Row} row
   * @param {unknown} detail
   * @returns {boolean}  whether the link may be followed
   */
  #used(name, row, detail) {
    this.#commands.visit(row);
    const options = { detail, cancelable: true, bubbles: true, composed: true };
    return this.dispatchEvent(new CustomEvent(name, options));
  }

  /** @param {Item[]} items */
  #arrived(items) {
    const here = items.filter((item) => belongs(item, this.#shelf.view));
    if (this.#frame.scroll.scrollTop >= 8) this.#above += here.length;
    if (this.hasAttribute("toast")) this.#toaster.tell(items, this, (item) => this.reveal(item));
    this.render();
  }

  #seenAbove() {
    if (this.#above === 0) return;
    this.#above = 0;
    this.render();
  }
}

define("clarion-inbox", ClarionInbox);
