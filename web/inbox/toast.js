import { element, icon } from "./element.js";
import { CROSS } from "./icons.js";
import { relativeTime } from "./times.js";
import { isOpen } from "./platform.js";

/**
 * @typedef {import("../client/frames.js").Item} Item
 * @typedef {import("./feed-element.js").FeedElement} FeedElement
 *
 * @typedef {object} Toast
 * @property {string} title
 * @property {string} [text]
 * @property {string} close  the name of its closing button
 * @property {() => void} open  what pressing it does
 * @property {{at: string, now: Date, locale: string}} [time]  of what it tells
 * @property {{label: string, act: () => void}} [action]  a button in it
 */

const MAX_TOASTS = 3;
const SHOWN_FOR_MS = 6_000;

/**
 * Short notes above the page. Each goes by itself, but not while the pointer or the focus is on
 * one of them. They are for the eye: what a screen reader says is said elsewhere, once.
 */
export class Toaster {
  element = element("div", { as: "toasts", popover: "manual" });
  /** @type {Map<HTMLElement, ReturnType<typeof setTimeout> | undefined>} */
  #toasts = new Map();

  constructor() {
    for (const name of ["pointerenter", "focusin"]) {
      this.element.addEventListener(name, () => this.#pause());
    }
    for (const name of ["pointerleave", "focusout"]) {
      this.element.addEventListener(name, () => this.#resume());
    }
  }

  /** @param {Toast} toast @returns {HTMLElement}  to be dropped by */
  show({ title, text, close, open, time, action }) {
    const words = element(
      "button",
      { class: "toast-open" },
      element("span", { class: "toast-title", dir: "auto" }, title),
      element("span", { class: "toast-text", dir: "auto" }, text ?? ""),
    );
    const cross = element("button", { class: "action", "aria-label": close });
    cross.append(icon(CROSS));
    const made = element("div", { as: "toast" }, words, cross);
    if (time)
      words.append(
        element(
          "time",
          { class: "toast-time", datetime: time.at },
          relativeTime(new Date(time.at), time.now, time.locale),
        ),
      );
    if (action) {
      const button = element("button", { class: "button", part: "toast-action" }, action.label);
      button.addEventListener("click", () => {
        this.dismiss(made);
        action.act();
      });
      made.append(button);
    }
    words.addEventListener("click", () => {
      this.dismiss(made);
      open();
    });
    cross.addEventListener("click", () => this.dismiss(made));
    this.#add(made);
    return made;
  }

  /**
   * One note for all that came together.
   *
   * @param {Item[]} items
   * @param {FeedElement} owner
   * @param {(item: Item) => void} open  the latest of them
   */
  showArrivals(items, owner, open) {
    const latest = items.at(-1);
    if (!latest) return;
    const { words, locale, client } = owner;
    const many = owner.fill(words.newAbove, { count: items.length });
    const read = () => void client?.read(items.map(({ id }) => id)).catch(() => {}); // it stays unread
    this.show({
      time: { at: latest.created_at, now: owner.now(), locale },
      action: { label: words.markRead, act: read },
      title: items.length === 1 ? latest.title : many,
      text: (items.length === 1 ? latest.body : latest.title) ?? "",
      close: words.close,
      open: () => open(latest),
    });
  }

  clear() {
    for (const toast of [...this.#toasts.keys()]) this.dismiss(toast);
  }

  /** @param {HTMLElement} toast */
  #add(toast) {
    const [oldest] = this.#toasts.keys();
    if (oldest && this.#toasts.size >= MAX_TOASTS) this.dismiss(oldest);
    this.#toasts.set(toast, undefined);
    this.element.append(toast);
    if (!this.element.isConnected) return;
    if (!isOpen(this.element)) this.element.showPopover();
    if (!this.element.matches(":hover, :focus-within")) this.#startTimer(toast);
  }

  /** @param {HTMLElement} toast */
  #startTimer(toast) {
    this.#toasts.set(
      toast,
      setTimeout(() => this.dismiss(toast), SHOWN_FOR_MS),
    );
  }

  #pause() {
    for (const timer of this.#toasts.values()) clearTimeout(timer);
  }

  #resume() {
    this.#pause();
    for (const toast of this.#toasts.keys()) this.#startTimer(toast);
  }

  /** @param {HTMLElement} toast */
  dismiss(toast) {
    clearTimeout(this.#toasts.get(toast));
    this.#toasts.delete(toast);
    toast.remove();
    if (this.#toasts.size === 0 && isOpen(this.element)) this.element.hidePopover();
  }
}
