import { element } from "./element.js";
import { dayKey, dayName } from "./times.js";

/**
 * @typedef {import("./row.js").Row} Row
 * @typedef {import("./row.js").Formatting} Formatting
 * @typedef {Row | import("./virtual-window.js").Gap} ListEntry
 * @typedef {{when: Date, section: HTMLElement, heading: HTMLElement, list: HTMLElement}} Day
 */

/**
 * Rows under the names of their days, and gaps between them. Moves no row that stands right, so the
 * focus stays.
 */
export class DayGroups {
  /** @type {Map<string, Day>} */
  #days = new Map();

  /** @param {HTMLElement} element  that holds them */
  constructor(element) {
    this.element = element;
  }

  /**
   * @param {ListEntry[]} entries  rows, the newest first, and gaps
   * @param {Formatting} formatting
   */
  arrange(entries, formatting) {
    const byDay = groupByDay(entries);
    for (const [key, day] of this.#days) {
      if (byDay.has(key)) continue;
      day.section.remove();
      this.#days.delete(key);
    }
    const sections = [...byDay].map(([key, { when, elements }]) => {
      const day = this.#days.get(key) ?? this.#createDay(key, when, formatting);
      reorderChildren(day.list, elements);
      return day.section;
    });
    reorderChildren(this.element, sections);
  }

  /**
   * @param {Date} now
   * @param {Formatting} formatting
   */
  updateTimes(now, { locale }) {
    for (const day of this.#days.values()) {
      day.heading.textContent = dayName(day.when, now, locale);
    }
  }

  /**
   * @param {string} key
   * @param {Date} when
   * @param {Formatting} formatting
   */
  #createDay(key, when, { locale, now }) {
    const heading = element("h3", { as: "day", id: `day-${key}` });
    heading.textContent = dayName(when, now(), locale);
    const list = element("ul", { class: "rows", role: "list" });
    const section = element("div", { role: "group", "aria-labelledby": heading.id }, heading, list);
    const day = { when, section, heading, list };
    this.#days.set(key, day);
    return day;
  }
}

/** A gap belongs to the day of the row before it, the first to the first. @param {ListEntry[]} entries */
function groupByDay(entries) {
  /** @type {Map<string, {when: Date, elements: HTMLElement[]}>} */
  const byDay = new Map();
  /** @type {HTMLElement[]} */
  let elements = [];
  for (const piece of entries) {
    if ("item" in piece) {
      const when = new Date(piece.item.created_at);
      const key = dayKey(when);
      const day = byDay.get(key) ?? { when, elements: byDay.size ? [] : elements };
      byDay.set(key, day);
      elements = day.elements;
    }
    elements.push(piece.element);
  }
  return byDay;
}

/**
 * @param {HTMLElement} parent
 * @param {HTMLElement[]} wanted
 */
function reorderChildren(parent, wanted) {
  let cursor = parent.firstElementChild;
  for (const child of wanted) {
    if (child === cursor) cursor = cursor.nextElementSibling;
    else parent.insertBefore(child, cursor);
  }
}
