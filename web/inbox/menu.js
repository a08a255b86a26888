import { element } from "./element.js";
import { restoreFocusOnClose } from "./restore-focus.js";
import { keepPositioned } from "./popover-position.js";
import { isOpen } from "./platform.js";

/** @typedef {{label: string, hint?: string, act: () => void}} Entry */

/** @type {Record<string, (place: number, last: number) => number>} */
const MOVES = {
  ArrowDown: (place, last) => (place === last ? 0 : place + 1),
  ArrowUp: (place, last) => (place <= 0 ? last : place - 1),
  Home: () => 0,
  End: (_place, last) => last,
};

/**
 * A menu beside the button that opened it. Arrows, Home and End move in it; Escape, Tab and a press
 * elsewhere close it, and the focus goes back.
 */
export class Menu {
  element = element("div", { as: "menu", role: "menu", popover: "auto" });
  /** @type {HTMLElement | null} */
  #anchor = null;
  #stopPositioning = () => {};

  constructor() {
    restoreFocusOnClose(this.element, () => this.#anchor);
    this.element.addEventListener("keydown", (event) => this.#onKeydown(event));
    this.element.addEventListener("toggle", (event) => this.#onToggle(event.newState === "open"));
  }

  /**
   * @param {HTMLElement} anchor
   * @param {string} label
   * @param {Entry[]} entries
   */
  open(anchor, label, entries) {
    this.close();
    this.#anchor = anchor;
    this.element.setAttribute("aria-label", label);
    this.element.replaceChildren(...entries.map((entry) => this.#createButton(entry)));
    this.element.showPopover();
    this.#stopPositioning = keepPositioned(this.element, anchor);
    this.#buttons[0]?.focus();
  }

  close() {
    if (isOpen(this.element)) this.element.hidePopover();
  }

  /** @param {boolean} open */
  #onToggle(open) {
    this.#anchor?.setAttribute("aria-expanded", String(open));
    if (!open) this.#stopPositioning();
  }

  get #buttons() {
    return [...this.element.querySelectorAll("button")];
  }

  /** @param {Entry} entry */
  #createButton({ label, hint, act }) {
    const button = element(
      "button",
      { role: "menuitem", tabindex: "-1", part: "menu-item" },
      element("span", {}, label),
      element("span", { class: "menu-hint" }, hint ?? ""),
    );
    button.addEventListener("click", () => {
      this.element.hidePopover();
      act();
    });
    return button;
  }

  /** @param {KeyboardEvent} event */
  #onKeydown(event) {
    const buttons = this.#buttons;
    const place = buttons.findIndex((button) => button.matches(":focus"));
    const move = MOVES[event.key];
    if (move) buttons[move(place, buttons.length - 1)]?.focus();
    else if (event.key === "Tab") this.element.hidePopover();
    else if (!event.repeat || event.key !== "Enter") return;
    event.preventDefault();
    event.stopPropagation();
  }
}
