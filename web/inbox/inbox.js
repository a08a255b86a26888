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
import { Shell } from "./shell.js";
import { LiveAnnouncer } from "./live-announcer.js";
import { List } from "./list.js";
import { collatorFor } from "./locale.js";
import { define, adoptStyles } from "./platform.js";
import { ItemStore } from "./item-store.js";
import { SeenTracker } from "./seen-tracker.js";
import { sheets } from "./style/inbox.js";
import { Timers } from "./timers.js";
import { Toaster } from "./toast.js";
import { errorStateOf } from "./error-state.js";
import { isInView, isState } from "./view.js";

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
  #store = new ItemStore(() => this.#onPage());
  /** @type {Set<string>} */
  #categories = new Set();
  #seenTracker = new SeenTracker();
  #newAbove = 0;
  /** There was a feed, and is none now. */
  #isSignedOut = false;
  #toaster = new Toaster();
  #announcer = new LiveAnnouncer(this, (items) => this.#onArrivals(items));
  #commands = new Commands(this, this.#toaster, (sentence) => this.#announcer.announce(sentence));

  #list = new List(this.#commands, {
    onOpen: (row) => this.#dispatchAction("clarion-open", row, row.item),
    onAction: (row, { textContent: label, href: url }) =>
      this.#dispatchAction("clarion-action", row, { item: row.item, label, url }),
    onSeen: (id) => this.#seenTracker.track(this.client, id),
    onEmptied: () => this.#shell.scroll.focus(),
  });

  #shell = new Shell(this.#list.element, {
    changeView: (changed) => this.#changeView(changed),
    readAll: () => this.#commands.readAll(this.category),
    loadOlder: () => void this.#store.loadOlder(),
    retry: () => this.#retry(),
    onTop: () => this.#clearNewAbove(),
    focusNewest: () => this.#list.focusNewest(),
  });

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    adoptStyles(root, sheets);
    const section = this.#shell.element;
    section.append(this.#commands.element, this.#announcer.element, this.#toaster.element);
    this.#shell.scroll.addEventListener("keydown", ({ key, altKey, shiftKey, repeat }) => {
      if (key === "z" && !altKey && !shiftKey && !repeat) this.#commands.undo();
    });
    root.append(section);
  }

  /** The state of the items that are shown. Also the attribute `view`. */
  get view() {
    return this.#store.view.state;
  }

  set view(state) {
    this.setAttribute("view", state);
  }

  /** Only of this category; all where it is empty. Also the attribute `category`. */
  get category() {
    return this.#store.view.category;
  }

  set category(category) {
    this.setAttribute("category", category);
  }

  /** On the row that Tab would reach. @override */
  focus() {
    if (!this.#list.focus()) this.#shell.scroll.focus();
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
    if (["view", "category"].includes(name)) this.#setView(this.#requestedView());
  }

  /**
   * @protected
   * @override
   * @param {Clarion} client
   */
  attend(client) {
    const ticking = setInterval(() => this.#list.updateTimes(this.formatting), TICK_MS);
    this.#shell.observeEnd();
    return [
      client.on("change", () => this.#timers.startOnce("render", 0, () => this.render())),
      client.on("state", (change) => (isShut(change) ? this.forget() : this.render())),
      ...this.#announcer.attachTo(client),
      () => clearInterval(ticking),
      () => this.#timers.stopAll(),
      () => this.#seenTracker.reset(),
      () => this.#toaster.clear(),
    ];
  }

  /** @protected @override */
  forget() {
    this.#commands.clear();
    this.#toaster.clear();
    this.#announcer.reset();
    this.#seenTracker.reset();
    this.#timers.stopAll();
    this.#categories.clear();
    this.#isSignedOut = !this.client;
    this.#setView(this.#requestedView());
  }

  /** @override */
  render() {
    const client = this.client;
    const items = this.#store.items();
    for (const { category } of [...(client?.items ?? []), ...items]) {
      if (category) this.#categories.add(category);
    }
    this.#list.render(items, this.formatting);
    const connection = client?.state ?? { state: "idle" };
    this.#shell.render({
      words: this.words,
      locale: this.locale,
      label: this.getAttribute("label") ?? this.words.heading,
      view: this.#store.view,
      categories: [...this.#categories].sort(collatorFor(this.locale)),
      connection,
      isKnown: client?.version !== undefined,
      itemCount: items.length,
      unread: client?.unreadCount ?? 0,
      canReadAll: ["inbox", "unread"].includes(this.view) && items.length > 0 && this.#hasUnread(items),
      newAbove: this.#newAbove,
      page: this.#store,
      errorState: this.#isSignedOut
        ? { text: this.words.states["signed-out"], retry: false }
        : errorStateOf(connection, this.words),
      failure: this.#commands.failure,
    });
    if (items.length === 0 && !this.#store.failure) void this.#store.loadOlder();
  }

  /** Of a category the server does not count; what is not loaded may be. @param {Item[]} items */
  #hasUnread(items) {
    return !this.category || this.#store.hasMore || items.some((item) => !item.read_at);
  }

  /** @returns {View} */
  #requestedView() {
    const state = this.getAttribute("view");
    return { state: isState(state) ? state : "inbox", category: this.getAttribute("category") ?? "" };
  }

  /** @param {Partial<View>} changed */
  #changeView(changed) {
    const view = { ...this.#store.view, ...changed };
    this.#setView(view);
    this.#shell.scroll.scrollTop = 0;
    this.dispatchEvent(new CustomEvent("clarion-view", { detail: view, bubbles: true, composed: true }));
  }

  /** @param {View} view */
  #setView(view) {
    this.#store.reset(this.client, view);
    this.#newAbove = 0;
    this.render();
  }

  #onPage() {
    this.render();
    // The end may still be in view, or the page have held nothing that is shown
    if (!this.#store.isLoading && !this.#store.failure) this.#shell.observeEnd();
  }

  #retry() {
    if (this.#store.failure) void this.#store.loadOlder();
    this.client?.connect();
  }

  /**
   * @param {"clarion-open" | "clarion-action"} name
   * @param {Row} row
   * @param {unknown} detail
   * @returns {boolean}  whether the link may be followed
   */
  #dispatchAction(name, row, detail) {
    this.#commands.markRead(row);
    const options = { detail, cancelable: true, bubbles: true, composed: true };
    return this.dispatchEvent(new CustomEvent(name, options));
  }

  /** @param {Item[]} items */
  #onArrivals(items) {
    const here = items.filter((item) => isInView(item, this.#store.view));
    if (this.#shell.scroll.scrollTop >= 8) this.#newAbove += here.length;
    if (this.hasAttribute("toast")) this.#toaster.showArrivals(items, this, (item) => this.reveal(item));
    this.render();
  }

  #clearNewAbove() {
    if (this.#newAbove === 0) return;
    this.#newAbove = 0;
    this.render();
  }
}

define("clarion-inbox", ClarionInbox);
