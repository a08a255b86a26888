import { element } from "./element.js";
import { Row } from "./row.js";
import { dayKey, dayName } from "./times.js";

/**
 * @typedef {import("../client/frames.js").Item} Item
 * @typedef {import("./row.js").Manner} Manner
 * @typedef {{open: (row: Row) => boolean, toggle: (item: Item) => void, archive: (item: Item) => void,
 *   shown: (id: string) => void}} ListActions
 */

/** @type {Record<string, number>} */
const STEPS = { ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity };

/** The items under their days. One row is in the tab order; the arrows move which. */
export class List {
  element = element("div", { class: "list", part: "list" });
  /** @type {Map<string, Row>} */
  #rows = new Map();
  /** @type {Map<string, {when: Date, section: HTMLElement, heading: HTMLElement, list: HTMLElement}>} */
  #days = new Map();
  /** @type {Row | null} */
  #current = null;
  #watch = new IntersectionObserver((entries) => this.#seen(entries), { threshold: 0.6 });

  /** @param {ListActions} actions */
  constructor(actions) {
    this.actions = actions;
    this.element.addEventListener("click", (event) => this.#clicked(event));
    this.element.addEventListener("keydown", (event) => this.#pressed(event));
    this.element.addEventListener("focusin", (event) => {
      const row = this.#rowOf(event.target);
      if (row) this.#point(row);
    });
  }

  /**
   * @param {Item[]} items  the newest first
   * @param {Manner} manner
   */
  show(items, manner) {
    const before = this.#order();
    const place = this.#current ? before.indexOf(this.#current) : -1;
    const hadFocus = this.#current?.article.contains(activeWithin(this.element)) ?? false;
    this.#forget(new Set(items.map((item) => item.id)));
    this.#place(items, manner);
    if (this.#current) return;
    const after = this.#order();
    const next = after[Math.min(Math.max(place, 0), after.length - 1)];
    if (next) this.#point(next);
    if (hadFocus) next?.article.focus();
  }

  /** @param {Manner} manner */
  tick(manner) {
    const now = new Date();
    for (const row of this.#rows.values()) row.tick(now, manner);
    for (const day of this.#days.values()) {
      day.heading.textContent = dayName(day.when, now, manner.locale);
    }
  }

  /** @param {Set<string>} ids */
  #forget(ids) {
    for (const [id, row] of this.#rows) {
      if (ids.has(id)) continue;
      this.#watch.unobserve(row.article);
      row.element.remove();
      this.#rows.delete(id);
      if (row === this.#current) this.#current = null;
    }
  }

  /**
   * Puts each row where it belongs and moves none that is there already, so the focus stays.
   *
   * @param {Item[]} items
   * @param {Manner} manner
   */
  #place(items, manner) {
    /** @type {Map<string, Row[]>} */
    const byDay = new Map();
    for (const item of items) {
      const key = dayKey(new Date(item.created_at));
      byDay.set(key, [...(byDay.get(key) ?? []), this.#row(item, manner)]);
    }
    for (const [key, day] of this.#days) {
      if (byDay.has(key)) continue;
      day.section.remove();
      this.#days.delete(key);
    }
    const sections = [...byDay].map(([key, rows]) => {
      const day = this.#day(key, new Date(rows[0]?.item.created_at ?? key), manner);
      arrange(
        day.list,
        rows.map((row) => row.element),
      );
      return day.section;
    });
    arrange(this.element, sections);
  }

  /**
   * @param {Item} item
   * @param {Manner} manner
   */
  #row(item, manner) {
    let row = this.#rows.get(item.id);
    if (!row) {
      row = new Row(item, manner);
      this.#rows.set(item.id, row);
      if (!item.seen_at) this.#watch.observe(row.article);
    } else if (row.item !== item) row.update(item, manner);
    row.current = row === this.#current;
    return row;
  }

  /**
   * @param {string} key
   * @param {Date} when
   * @param {Manner} manner
   */
  #day(key, when, manner) {
    let day = this.#days.get(key);
    if (!day) {
      const heading = element("h3", { class: "day", part: "day", id: `day-${key}` });
      const list = element("ul", { class: "rows", role: "list" });
      const section = element("div", { role: "group", "aria-labelledby": `day-${key}` }, heading, list);
      day = { when, section, heading, list };
      this.#days.set(key, day);
    }
    day.heading.textContent = dayName(when, new Date(), manner.locale);
    return day;
  }

  /** @param {Row} row */
  #point(row) {
    if (this.#current && this.#current !== row) this.#current.current = false;
    this.#current = row;
    row.current = true;
  }

  /** Rows as they stand. */
  #order() {
    const articles = [...this.element.querySelectorAll("article")];
    return articles.map((article) => this.#rowOf(article)).filter((row) => row !== null);
  }

  /** @param {EventTarget | null} target */
  #rowOf(target) {
    const article = target instanceof Element ? target.closest("article") : null;
    return this.#rows.get(article?.dataset["id"] ?? "") ?? null;
  }

  /** @param {MouseEvent} event */
  #clicked(event) {
    const row = this.#rowOf(event.target);
    if (!row || !(event.target instanceof Element)) return;
    const act = event.target.closest("button")?.dataset["act"];
    if (act === "archive") this.actions.archive(row.item);
    else if (act === "toggle") this.actions.toggle(row.item);
    else if (!this.actions.open(row)) event.preventDefault();
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    const row = this.#rowOf(event.target);
    if (!row || event.ctrlKey || event.metaKey || event.altKey) return;
    const onArticle = event.target === row.article;
    const step = STEPS[event.key];
    if (step) this.#move(row, step);
    else if (event.key === "Enter" && onArticle) (row.link ?? row.article).click();
    else if (event.key === "e") this.actions.archive(row.item);
    else if (event.key === "u") this.actions.toggle(row.item);
    else return;
    event.preventDefault();
  }

  /**
   * @param {Row} row
   * @param {number} step
   */
  #move(row, step) {
    const rows = this.#order();
    const place = Math.min(Math.max(rows.indexOf(row) + step, 0), rows.length - 1);
    rows[place]?.article.focus();
  }

  /** @param {IntersectionObserverEntry[]} entries */
  #seen(entries) {
    for (const entry of entries) {
      const row = entry.isIntersecting && this.#rowOf(entry.target);
      if (!row) continue;
      this.#watch.unobserve(row.article);
      if (!row.item.seen_at) this.actions.shown(row.item.id);
    }
  }
}

/**
 * @param {HTMLElement} parent
 * @param {HTMLElement[]} wanted
 */
function arrange(parent, wanted) {
  wanted.forEach((child, place) => {
    if (parent.children[place] !== child) parent.insertBefore(child, parent.children[place] ?? null);
  });
}

/** @param {HTMLElement} within */
function activeWithin(within) {
  const root = within.getRootNode();
  return root instanceof ShadowRoot || root instanceof Document ? root.activeElement : null;
}
