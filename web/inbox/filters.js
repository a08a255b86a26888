import { element, icon, setText } from "./element.js";
import { FUNNEL } from "./icons.js";
import { STATES, isState } from "./view.js";
import { labelOf } from "./messages.js";

/**
 * @typedef {import("./messages.js").Words} Words
 * @typedef {import("./view.js").View} View
 */

/** @type {Record<string, number>} */
const STEPS = { ArrowRight: 1, ArrowLeft: -1, Home: -Infinity, End: Infinity };

/** Which items are shown: tabs for their state, a list for their category where there are any. */
export class Filters {
  #tabs = STATES.map((state) =>
    element("button", { as: "tab", role: "tab", id: `tab-${state}`, "data-state": state, "aria-controls": "panel" }),
  );
  #row = element("div", { class: "tabs", role: "tablist" }, ...this.#tabs);
  #select = element("select", { part: "category" });
  #category = element("div", { class: "category" }, icon(FUNNEL), this.#select);
  element = element("div", { as: "filters" }, this.#row, this.#category);
  #renderedOptions = "";
  /** The one that was brought into view last, where they have no room beside each other. */
  #scrolledTo = "";

  /** @param {(changed: Partial<View>) => void} changeView */
  constructor(changeView) {
    this.#tabs.forEach((tab, place) => tab.addEventListener("click", () => changeView({ state: STATES[place] })));
    this.#row.addEventListener("keydown", (event) => this.#onKeydown(event));
    this.#select.addEventListener("change", () => changeView({ category: this.#select.value }));
  }

  /**
   * @param {Words} words
   * @param {View} view
   * @param {string[]} categories
   */
  render(words, view, categories) {
    this.#row.setAttribute("aria-label", words.filters);
    for (const tab of this.#tabs) {
      const state = tab.dataset["state"] ?? "";
      const chosen = state === view.state;
      if (isState(state)) setText(tab, words.views[state]);
      tab.setAttribute("aria-selected", String(chosen));
      tab.tabIndex = chosen ? 0 : -1;
    }
    const named = categories.filter((key) => labelOf(words, key));
    this.#category.hidden = named.length === 0;
    this.#category.toggleAttribute("data-chosen", view.category !== "");
    this.#select.setAttribute("aria-label", words.category);
    this.#renderOptions(words, named);
    this.#select.value = view.category;
    if (view.state === this.#scrolledTo) return;
    this.#scrolledTo = view.state;
    const [row, tab] = [this.#row, this.#tabs[STATES.indexOf(view.state)]].map((one) => one?.getBoundingClientRect());
    if (!row || !tab) return;
    this.#row.scrollLeft += Math.min(tab.left - row.left, 0) || Math.max(tab.right - row.right, 0);
  }

  /**
   * @param {Words} words
   * @param {string[]} categories
   */
  #renderOptions(words, categories) {
    const options = ["", ...categories].map((value) => ({
      value,
      label: value ? labelOf(words, value) : words.allCategories,
    }));
    const serialized = JSON.stringify(options);
    if (serialized === this.#renderedOptions) return;
    this.#renderedOptions = serialized;
    this.#select.replaceChildren(...options.map(({ value, label }) => element("option", { value }, label)));
  }

  /** @param {KeyboardEvent} event */
  #onKeydown(event) {
    const step = STEPS[event.key];
    if (!step || !(event.target instanceof HTMLButtonElement)) return;
    const turn = Math.abs(step) === 1 && getComputedStyle(this.#row).direction === "rtl" ? -1 : 1;
    const place = this.#tabs.indexOf(event.target) + step * turn;
    const next = this.#tabs.at(Math.max(Math.min(place, this.#tabs.length - 1), 0));
    next?.focus();
    next?.click();
    event.preventDefault();
  }
}
