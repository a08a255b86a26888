import { Days } from "./days.js";
import { element } from "./element.js";
import { Row } from "./row.js";

/**
 * @typedef {import("../client/frames.js").Item} Item
 * @typedef {import("./row.js").Manner} Manner
 *
 * @typedef {object} ListActions
 * @property {(row: Row) => boolean} open  whether its link may be followed
 * @property {(row: Row, link: HTMLAnchorElement) => boolean} act  the same of an action's link
 * @property {(item: Item) => void} toggle
 * @property {(item: Item) => void} archive
 * @property {(row: Row) => void} snooze
 * @property {(id: string) => void} shown
 * @property {() => void} emptied  the row that had the focus was the last
 */

/** @type {Record<string, number>} */
const STEPS = { ArrowDown: 1, ArrowUp: -1, PageDown: 5, PageUp: -5, Home: -Infinity, End: Infinity };

/** The items under their days. One row is in the tab order; the arrows move which. */
export class List {
  element = element("div", { class: "list", part: "list" });
  #days = new Days(this.element);
  /** In the order shown. @type {Map<string, Row>} */
  #rows = new Map();
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
    const place = this.#current ? [...this.#rows.values()].indexOf(this.#current) : -1;
    const hadFocus = this.#current?.article.matches(":focus-within") ?? false;
    const live = this.#rows.size > 0;
    this.#forget(new Set(items.map((item) => item.id)));
    const rows = items.map((item) => this.#row(item, manner, live));
    this.#rows = new Map(rows.map((row) => [row.item.id, row]));
    this.#days.arrange(rows, manner);
    if (this.#current) return;
    const next = rows[Math.min(Math.max(place, 0), rows.length - 1)];
    if (next) this.#point(next);
    if (hadFocus && next) next.article.focus();
    else if (hadFocus) this.actions.emptied();
  }

  /** Says everything again, in other words. @param {Manner} manner */
  translate(manner) {
    for (const row of this.#rows.values()) row.update(row.item, manner);
    this.#days.tick(new Date(), manner);
  }

  /** @param {Manner} manner */
  tick(manner) {
    const now = new Date();
    for (const row of this.#rows.values()) row.tick(now, manner);
    this.#days.tick(now, manner);
  }

  /**
   * The row of this item, or else the one that Tab would reach.
   *
   * @param {string} [id]
   * @returns {boolean}  whether there was one
   */
  focus(id = "") {
    const row = this.#rows.get(id) ?? this.#current;
    row?.article.focus();
    return !!row;
  }

  /** @param {Set<string>} ids */
  #forget(ids) {
    for (const [id, row] of this.#rows) {
      if (ids.has(id)) continue;
      this.#watch.unobserve(row.article);
      row.element.remove();
      if (row === this.#current) this.#current = null;
    }
  }

  /**
   * @param {Item} item
   * @param {Manner} manner
   * @param {boolean} live  a new row comes to others
   */
  #row(item, manner, live) {
    const known = this.#rows.get(item.id);
    if (known) {
      if (known.item !== item) known.update(item, manner);
      return known;
    }
    const row = new Row(item, manner);
    row.current = false;
    row.article.toggleAttribute("data-new", live);
    if (!item.seen_at) this.#watch.observe(row.article);
    return row;
  }

  /** @param {Row} row */
  #point(row) {
    if (this.#current && this.#current !== row) this.#current.current = false;
    this.#current = row;
    row.current = true;
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
    const link = event.target.closest("a");
    if (act === "archive") this.actions.archive(row.item);
    else if (act === "snooze") this.actions.snooze(row);
    else if (act === "toggle") this.actions.toggle(row.item);
    else if (link && link !== row.link) {
      if (!this.actions.act(row, link)) event.preventDefault();
    } else if (!link && row.link) row.link.click();
    else if (!this.actions.open(row)) event.preventDefault();
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    const row = this.#rowOf(event.target);
    if (!row || event.ctrlKey || event.metaKey || event.altKey) return;
    const step = STEPS[event.key];
    if (step) this.#move(row, step);
    else if (event.key === "Enter" && event.target === row.article) row.article.click();
    else if (!row.item.archived_at && event.key === "e") this.actions.archive(row.item);
    else if (!row.item.archived_at && event.key === "s") this.actions.snooze(row);
    else if (event.key === "u") this.actions.toggle(row.item);
    else return;
    event.preventDefault();
  }

  /**
   * @param {Row} row
   * @param {number} step
   */
  #move(row, step) {
    const rows = [...this.#rows.values()];
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
