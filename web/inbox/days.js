import { element } from "./element.js";
import { dayKey, dayName } from "./times.js";

/**
 * @typedef {import("./row.js").Row} Row
 * @typedef {import("./row.js").Manner} Manner
 * @typedef {{when: Date, section: HTMLElement, heading: HTMLElement, list: HTMLElement}} Day
 */

/** Rows under the names of their days. Moves no row that stands right, so the focus stays. */
export class Days {
  /** @type {Map<string, Day>} */
  #days = new Map();

  /** @param {HTMLElement} element  that holds them */
  constructor(element) {
    this.element = element;
  }

  /**
   * @param {Row[]} rows  the newest first
   * @param {Manner} manner
   */
  arrange(rows, manner) {
    const byDay = grouped(rows);
    for (const [key, day] of this.#days) {
      if (byDay.has(key)) continue;
      day.section.remove();
      this.#days.delete(key);
    }
    const sections = [...byDay].map(([key, ofDay]) => {
      const day = this.#days.get(key) ?? this.#open(key, whenOf(ofDay), manner);
      const lines = ofDay.map((row) => row.element);
      arrange(day.list, lines);
      return day.section;
    });
    arrange(this.element, sections);
  }

  /**
   * @param {Date} now
   * @param {Manner} manner
   */
  tick(now, { locale }) {
    for (const day of this.#days.values()) {
      day.heading.textContent = dayName(day.when, now, locale);
    }
  }

  /**
   * @param {string} key
   * @param {Date} when
   * @param {Manner} manner
   */
  #open(key, when, { locale }) {
    const heading = element("h3", { class: "day", part: "day", id: `day-${key}` });
    heading.textContent = dayName(when, new Date(), locale);
    const list = element("ul", { class: "rows", role: "list" });
    const section = element("div", { role: "group", "aria-labelledby": heading.id }, heading, list);
    const day = { when, section, heading, list };
    this.#days.set(key, day);
    return day;
  }
}

/** @param {Row[]} rows */
function grouped(rows) {
  /** @type {Map<string, Row[]>} */
  const byDay = new Map();
  for (const row of rows) {
    const key = dayKey(new Date(row.item.created_at));
    const day = byDay.get(key);
    if (day) day.push(row);
    else byDay.set(key, [row]);
  }
  return byDay;
}

/** @param {Row[]} rows */
function whenOf(rows) {
  return new Date(rows[0]?.item.created_at ?? Date.now());
}

/**
 * @param {HTMLElement} parent
 * @param {HTMLElement[]} wanted
 */
function arrange(parent, wanted) {
  let place = parent.firstElementChild;
  for (const child of wanted) {
    if (child === place) place = place.nextElementSibling;
    else parent.insertBefore(child, place);
  }
}
