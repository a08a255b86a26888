import { DayGroups } from "./day-groups.js";
import { element } from "./element.js";
import { anchorScroll } from "./scroll-anchor.js";
import { interleaved, MAX_ROWS, VirtualWindow } from "./virtual-window.js";
import { ResizeObserver, intersectionObserver } from "./platform.js";
import { clickFilter } from "./click-filter.js";
import { commandOfKey, stepOfKey } from "./row-keys.js";
import { onRowClick } from "./row-clicks.js";
import { Row } from "./row.js";
import { words } from "./messages.js";

/**
 * @typedef {import("../client/frames.js").Item} Item
 * @typedef {import("./row.js").Formatting} Formatting
 *
 * @typedef {object} ListActions
 * @property {(row: Row) => boolean} onOpen  whether its link may be followed
 * @property {(row: Row, link: HTMLAnchorElement) => boolean} onAction  the same of an action's link
 * @property {(id: string) => void} onSeen
 * @property {() => void} onEmptied  the row that had the focus was the last
 *
 * @typedef {Pick<import("./commands.js").Commands,
 *   "markRead" | "toggle" | "archive" | "unarchive" | "snooze" | "menu">} RowCommands
 */

/**
 * The items under their days, as rows where they are near the view. One row is in the tab order; the
 * arrows move which.
 */
export class List {
  element = element("div", { as: "list" });
  #days = new DayGroups(this.element);
  /** The newest first. @type {Item[]} */
  #items = [];
  /** @type {Formatting} */
  #formatting = { words, locale: "en", now: () => new Date() };
  #virtualWindow = new VirtualWindow(() => this.#render());
  #resizeObserver = new ResizeObserver((entries) => {
    for (const row of new Set(entries.map(({ target }) => this.#rowOf(target)))) row?.updateMoreButton();
  });
  /** In the order shown. @type {Map<string, Row>} */
  #rows = new Map();
  /** The one in the tab order: it stays, wherever the view is. @type {Row | null} */
  #current = null;
  #seenObserver = intersectionObserver((entries) => this.#onIntersection(entries), { threshold: 0.6 });

  #commands;

  /**
   * @param {RowCommands} commands
   * @param {ListActions} actions
   */
  constructor(commands, actions) {
    this.#commands = commands;
    this.actions = actions;
    const isClick = clickFilter(this.element);
    for (const name of /** @type {const} */ (["click", "auxclick"])) {
      this.element.addEventListener(name, (event) => {
        const row = this.#rowOf(event.target);
        if (row) onRowClick(event, isClick(event), row, commands, actions);
      });
    }
    this.element.addEventListener("mousedown", (event) => {
      // Some browsers begin to scroll by the pointer, but not on a link
      if (event.button === 1 && this.#rowOf(event.target)?.link) event.preventDefault();
    });
    this.element.addEventListener("keydown", (event) => this.#onKeydown(event));
    this.element.addEventListener("focusin", (event) => {
      const row = this.#rowOf(event.target);
      if (row) this.#setCurrent(row);
    });
  }

  /**
   * @param {Item[]} items  the newest first
   * @param {Formatting} formatting
   */
  render(items, formatting) {
    const before = this.#items;
    const isOther = formatting.words !== this.#formatting.words || formatting.locale !== this.#formatting.locale;
    this.#items = items;
    this.#formatting = formatting;
    if (isOther) this.#rerenderRows();
    this.#virtualWindow.followItems(before, items);
    const place = this.#current && this.#indexOf(this.#current, before);
    const hadFocus = this.#current?.article.matches(":focus-within") ?? false;
    if (this.#current && this.#indexOf(this.#current) < 0) this.#current = null;
    this.#render(items.findIndex(({ id }) => id === before[0]?.id));
    if (this.#current) return;
    const next = this.#rowAtIndex(Math.min(Math.max(place ?? 0, 0), items.length - 1));
    if (next) this.#setCurrent(next);
    if (hadFocus && next) next.article.focus();
    else if (hadFocus) this.actions.onEmptied();
  }

  /** Says everything again, in other words. */
  #rerenderRows() {
    for (const row of this.#rows.values()) row.update(row.item, this.#formatting);
    this.#days.updateTimes(this.#formatting.now(), this.#formatting);
  }

  /** @param {Formatting} formatting */
  updateTimes(formatting) {
    const now = formatting.now();
    for (const row of this.#rows.values()) row.tick(now, formatting);
    this.#days.updateTimes(now, formatting);
  }

  /**
   * The row of this item, or else the one that Tab would reach.
   *
   * @param {string} [id]
   * @returns {boolean}  whether there was one
   */
  focus(id = "") {
    const row = this.#rowAtIndex(this.#items.findIndex((item) => item.id === id)) ?? this.#current;
    row?.article.focus();
    return !!row;
  }

  /** On the newest. */
  focusNewest() {
    this.#rowAtIndex(0)?.article.focus({ preventScroll: true });
  }

  /** @param {number} [newCount]  how many of the first are new */
  #render(newCount = 0) {
    const items = this.#items;
    const required = this.#current ? this.#indexOf(this.#current) : -1;
    const ranges = this.#virtualWindow.visibleRanges(items.length, required);
    const isLong = items.length > MAX_ROWS;
    const restoreScroll =
      isLong &&
      anchorScroll(
        this.element,
        [...this.#rows.values()].map((row) => row.element),
      );
    this.#removeRows(new Set(ranges.flatMap(({ from, to }) => items.slice(from, to).map(({ id }) => id))));
    const rows = ranges.flatMap(({ from, to }) =>
      items.slice(from, to).map((item, n) => this.#ensureRow(item, from + n, from + n < newCount)),
    );
    this.#rows = new Map(rows.map((row) => [row.item.id, row]));
    const gaps = this.#virtualWindow.gapsBetween(items.length, ranges);
    const entries = interleaved(rows, ranges, gaps);
    this.#days.arrange(entries, this.#formatting);
    if (restoreScroll) restoreScroll();
    this.#virtualWindow.observeGaps();
  }

  /** @param {Set<string>} ids  that stay */
  #removeRows(ids) {
    for (const [id, row] of this.#rows) {
      if (ids.has(id)) continue;
      this.#seenObserver.unobserve(row.article);
      for (const clamped of row.clampedElements) this.#resizeObserver.unobserve(clamped);
      row.element.remove();
    }
  }

  /**
   * @param {Item} item
   * @param {number} place
   * @param {boolean} isNew  comes to others
   */
  #ensureRow(item, place, isNew) {
    const known = this.#rows.get(item.id);
    if (known && known.item !== item) known.update(item, this.#formatting);
    const row = known ?? new Row(item, this.#formatting);
    row.setPosition(place, this.#items.length > MAX_ROWS ? this.#items.length : 0);
    if (known) return row;
    row.current = false;
    for (const clamped of row.clampedElements) this.#resizeObserver.observe(clamped);
    row.article.toggleAttribute("data-new", isNew);
    if (!item.seen_at) this.#seenObserver.observe(row.article);
    return row;
  }

  /** Brings the row there where it is not. @param {number} place */
  #rowAtIndex(place) {
    const id = this.#items[place]?.id ?? "";
    if (id && !this.#rows.has(id)) {
      this.#virtualWindow.moveTo(place, this.#items.length);
      this.#render();
    }
    return this.#rows.get(id);
  }

  /** @param {Row} row @param {Item[]} [items] */
  #indexOf({ item: { id } }, items = this.#items) {
    return items.findIndex((item) => item.id === id);
  }

  /** @param {Row} row */
  #setCurrent(row) {
    if (this.#current && this.#current !== row) this.#current.current = false;
    this.#current = row;
    row.current = true;
  }

  /** @param {EventTarget | null} target */
  #rowOf(target) {
    const article = target instanceof Element ? target.closest("article") : null;
    return this.#rows.get(article?.dataset["id"] ?? "") ?? null;
  }

  /** A key that is held moves on, but does nothing more: the next row is not meant. @param {KeyboardEvent} event */
  #onKeydown(event) {
    const row = this.#rowOf(event.target);
    if (!row || event.ctrlKey || event.metaKey || event.altKey) return;
    const step = stepOfKey(event.key);
    if (step) this.#moveFocus(row, step);
    else if (event.repeat) {
      if (event.key !== "Enter") return;
    } else if (event.key === "Enter" && event.target === row.article) row.article.click();
    else {
      const command = commandOfKey(event.key, row.item);
      if (!command) return;
      this.#commands[command](row);
    }
    event.preventDefault();
  }

  /**
   * @param {Row} row
   * @param {number} step
   */
  #moveFocus(row, step) {
    const place = Math.max(this.#indexOf(row) + step, 0);
    this.#rowAtIndex(Math.min(place, this.#items.length - 1))?.article.focus();
  }

  /** @param {IntersectionObserverEntry[]} entries */
  #onIntersection(entries) {
    for (const entry of entries) {
      const row = entry.isIntersecting && this.#rowOf(entry.target);
      if (!row) continue;
      this.#seenObserver.unobserve(row.article);
      if (!row.item.seen_at) this.actions.onSeen(row.item.id);
    }
  }
}
