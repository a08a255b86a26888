/**
 * `<clarion-bell>`: a button with the unread count that opens the inbox beside it.
 *
 *     const bell = document.querySelector("clarion-bell");
 *     bell.client = clarion;
 *
 * What it takes, tells and looks like is in docs/guides/show-the-feed.md.
 */

import { isShut } from "../client/clarion.js";
import { element, icon, setText } from "./element.js";
import { FeedElement } from "./feed-element.js";
import { restoreFocusOnClose } from "./restore-focus.js";
import { LiveAnnouncer } from "./live-announcer.js";
import { BELL, CROSS } from "./icons.js";
import { ClarionInbox } from "./inbox.js";
import { keepPositioned } from "./popover-position.js";
import { formatNumber } from "./locale.js";
import { define, document, adoptStyles, isOpen } from "./platform.js";
import { sheets } from "./style/bell.js";
import { Toaster } from "./toast.js";
import { LeaderElection } from "./leader-election.js";

/**
 * @typedef {import("../client/clarion.js").Clarion} Clarion
 * @typedef {import("../client/frames.js").Item} Item
 */

const NARROW = "(max-width: 30rem)";
/** Parts of the inbox that a page may style from outside of the bell. */
const INNER_PARTS =
  "header,badge:inbox-badge,status,all-read,filters,tab,category,notice,retry,scroll,list,day,item," +
  "avatar,image,actor,title,body,time,link,action-link,more,urgent,above,older,empty,loading,menu," +
  "menu-item";
const toasters = new LeaderElection();

export class ClarionBell extends FeedElement {
  #count = element("span", { class: "count", part: "badge", "aria-hidden": "true" });
  #button = element("button", { class: "bell", part: "button", "aria-haspopup": "dialog" });
  #inbox = /** @type {ClarionInbox} */ (document.createElement("clarion-inbox"));
  #close = element("button", { class: "action", slot: "actions" });
  #popover = element("div", { class: "sheet", part: "popover", role: "dialog", popover: "auto" });
  #toaster = new Toaster();
  #announcer = new LiveAnnouncer(this, (items) => this.#onArrivals(items));
  /** @type {import("./messages.js").Words | null} */
  #shownWords = null;
  #stopPositioning = () => {};

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    adoptStyles(root, sheets);
    this.#button.append(icon(BELL), this.#count);
    this.#close.append(icon(CROSS));
    this.#inbox.append(this.#close);
    this.#inbox.setAttribute("exportparts", INNER_PARTS);
    this.#inbox.setAttribute("label", ""); // the popover has the name
    this.#popover.append(this.#inbox);
    root.append(this.#button, this.#popover, this.#toaster.element, this.#announcer.element);
    // Its own button must not count as outside: a press would close and open again
    this.#button.popoverTargetElement = this.#popover;
    restoreFocusOnClose(this.#popover, () => this.#button);
    this.#close.addEventListener("click", () => this.hide());
    this.#popover.addEventListener("toggle", (event) => this.#onToggle(event.newState === "open"));
  }

  /** Whether the inbox is shown. */
  get open() {
    return isOpen(this.#popover);
  }

  /** Opens the inbox and gives it the focus. */
  show() {
    if (!this.open) this.#popover.showPopover?.();
  }

  /** Closes the inbox; the focus goes back to where it was. */
  hide() {
    if (this.open) this.#popover.hidePopover();
  }

  /** @override */
  focus() {
    this.#button.focus();
  }

  /**
   * @protected
   * @override
   * @param {Clarion} client
   */
  attend(client) {
    const leave = [
      client.on("change", () => this.render()),
      client.on("state", (change) => {
        if (isShut(change)) this.forget();
        this.render();
      }),
      ...this.#announcer.attachTo(client),
      toasters.register(client, this),
      () => this.#toaster.clear(),
    ];
    if (this.open) this.#inbox.client = client;
    return leave;
  }

  /** @protected @override */
  forget() {
    this.#inbox.client = this.open ? this.client : null;
    this.#toaster.clear();
    this.#announcer.reset();
  }

  /** @protected @override */
  render() {
    const { words, locale } = this;
    const count = this.client?.unreadCount ?? 0;
    const heading = this.getAttribute("label") ?? words.heading;
    setText(this.#count, count > 99 ? `${formatNumber(99, locale)}+` : formatNumber(count, locale));
    this.#count.hidden = count === 0;
    this.#button.setAttribute("aria-label", this.fill(words.bell, { heading, count }));
    this.#button.setAttribute("aria-expanded", String(this.open));
    this.#button.dataset["state"] = this.client?.state.state ?? "idle";
    this.#close.setAttribute("aria-label", words.close);
    this.#popover.setAttribute("aria-label", heading);
    if (this.#inbox.lang !== locale) this.#inbox.lang = locale;
    if (this.#shownWords !== words) this.#inbox.words = this.#shownWords = words;
  }

  /** @param {boolean} open */
  #onToggle(open) {
    this.#stopPositioning();
    this.#stopPositioning = () => {};
    if (open) {
      this.#toaster.clear();
      this.#inbox.client = this.client; // not before it is looked at
      if (!globalThis.matchMedia?.(NARROW).matches) this.#stopPositioning = keepPositioned(this.#popover, this.#button);
      this.#inbox.focus();
    } else this.#popover.removeAttribute("style");
    this.render();
    this.dispatchEvent(new CustomEvent("clarion-toggle", { detail: { open }, bubbles: true, composed: true }));
  }

  /** @param {Item[]} items */
  #onArrivals(items) {
    if (this.open || this.getAttribute("toast") === "off" || !this.client) return;
    if (!toasters.isLeading(this.client, this)) return;
    this.#toaster.showArrivals(items, this, (item) => {
      this.show();
      this.#inbox.reveal(item);
    });
  }
}

define("clarion-bell", ClarionBell);
