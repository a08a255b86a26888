import { element } from "./element.js";
import { dayKey, dayName } from "./times.js";

/**
 * @typedef {import("./row.js").Row} Row
 * @typedef {import("./row.js").Manner} Manner
 * @typedef {Row | import("./nearby.js").Gap} Piece
 * @typedef {{when: Date, section: HTMLElement, heading: HTMLElement, list: HTMLElement}} Day
 */

/**
 * Rows under the names of their days, and gaps between them. Moves no row that stands right, so the
 * focus stays.
 */
export class Days {
  /** @type {Map<string, Day>} */
  #days = new Map();

  /** @param {HTMLElement} element  that holds them */
  constructor(element) {
    this.element = element;
  }

  /**
   * @param {Piece[]} pieces  rows, the newest first, and gaps
   * @param {Manner} manner
   */
  arrange(pieces, manner) {
    const byDay = grouped(pieces);
    for (const [key, day] of this.#days) {
      if (byDay.has(key)) continue;
      day.section.remove();
      this.#days.delete(key);
    }
    const sections = [...byDay].map(([key, { when, lines }]) => {
      const day = this.#days.get(key) ?? this.#open(key, when, manner);
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
  #open(key, when, { locale, now }) {
    const heading = element("h3", { as: "day", id: `day-${key}` });
    heading.textContent = dayName(when, now(), locale);
    const list = element("ul", { class: "rows", role: "list" });
    const section = element("div", { role: "group", "aria-labelledby": heading.id }, heading, list);
    const day = { when, section, heading, list };
    this.#days.set(key, day);
    return day;
  }
}

/** A gap belongs to the day of the row before it, the first to the first. @param {Piece[]} pieces */
function grouped(pieces) {
  /** @type {Map<string, {when: Date, lines: HTMLElement[]}>} */
  const byDay = new Map();
  /** @type {HTMLElement[]} */
  let lines = [];
  for (const piece of pieces) {
    if ("item" in piece) {
      const when = new Date(piece.item.created_at);
      const key = dayKey(when);
      const day = byDay.get(key) ?? { when, lines: byDay.size ? [] : lines };
      byDay.set(key, day);
      lines = day.lines;
    }
    lines.push(piece.element);
  }
  return byDay;
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
