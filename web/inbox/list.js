import { Days } from "./days.js";
import { element } from "./element.js";
import { hold } from "./hold.js";
import { MOST_ROWS, Nearby } from "./nearby.js";
import { ResizeObserver, sight } from "./platform.js";
import { presses } from "./press.js";
import { Row } from "./row.js";
import { words } from "./words.js";

/**
 * @typedef {import("../client/frames.js").Item} Item
 * @typedef {import("./row.js").Manner} Manner
 *
 * @typedef {object} ListActions
 * @property {(row: Row) => boolean} open  whether its link may be followed
 * @property {(row: Row, link: HTMLAnchorElement) => boolean} act  the same of an action's link
 * @property {(id: string) => void} shown
 * @property {() => void} emptied  the row that had the focus was the last
 *
 * @typedef {Pick<import("./commands.js").Commands,
 *   "visit" | "toggle" | "archive" | "unarchive" | "snooze" | "menu">} RowCommands
 */

/** @type {Record<string, number>} */
const STEPS = { ArrowDown: 1, ArrowUp: -1, PageDown: 5, PageUp: -5, Home: -Infinity, End: Infinity };

/**
 * The items under their days, as rows where they are near the view. One row is in the tab order; the
 * arrows move which.
 */
export class List {
  element = element("div", { as: "list" });
  #days = new Days(this.element);
  /** The newest first. @type {Item[]} */
  #items = [];
  /** @type {Manner} */
  #manner = { words, locale: "en", now: () => new Date() };
  #nearby = new Nearby(() => this.#render());
  #room = new ResizeObserver((entries) => {
    for (const row of new Set(entries.map(({ target }) => this.#rowOf(target)))) row?.fold();
  });
  /** In the order shown. @type {Map<string, Row>} */
  #rows = new Map();
  /** The one in the tab order: it stays, wherever the view is. @type {Row | null} */
  #current = null;
  #watch = sight((entries) => this.#seen(entries), { threshold: 0.6 });

  #commands;

  /**
   * @param {RowCommands} commands
   * @param {ListActions} actions
   */
  constructor(commands, actions) {
    this.#commands = commands;
    this.actions = actions;
    const isPress = presses(this.element);
    for (const name of /** @type {const} */ (["click", "auxclick"])) {
      this.element.addEventListener(name, (event) => this.#clicked(event, isPress(event)));
    }
    this.element.addEventListener("mousedown", (event) => {
      // Some browsers begin to scroll by the pointer, but not on a link
      if (event.button === 1 && this.#rowOf(event.target)?.link) event.preventDefault();
    });
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
    const before = this.#items;
    const isOther = manner.words !== this.#manner.words || manner.locale !== this.#manner.locale;
    this.#items = items;
    this.#manner = manner;
    if (isOther) this.#translate();
    this.#nearby.follow(before, items);
    const place = this.#current && this.#placeOf(this.#current, before);
    const hadFocus = this.#current?.article.matches(":focus-within") ?? false;
    if (this.#current && this.#placeOf(this.#current) < 0) this.#current = null;
    this.#render(items.findIndex(({ id }) => id === before[0]?.id));
    if (this.#current) return;
    const next = this.#rowAt(Math.min(Math.max(place ?? 0, 0), items.length - 1));
    if (next) this.#point(next);
    if (hadFocus && next) next.article.focus();
    else if (hadFocus) this.actions.emptied();
  }

  /** Says everything again, in other words. */
  #translate() {
    for (const row of this.#rows.values()) row.update(row.item, this.#manner);
    this.#days.tick(this.#manner.now(), this.#manner);
  }

  /** @param {Manner} manner */
  tick(manner) {
    const now = manner.now();
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
    const row = this.#rowAt(this.#items.findIndex((item) => item.id === id)) ?? this.#current;
    row?.article.focus();
    return !!row;
  }

  /** On the newest. */
  focusNewest() {
    this.#rowAt(0)?.article.focus({ preventScroll: true });
  }

  /** @param {number} [fresh]  how many of the first are new */
  #render(fresh = 0) {
    const items = this.#items;
    const wanted = this.#current ? this.#placeOf(this.#current) : -1;
    const stretches = this.#nearby.stretches(items.length, wanted);
    const isLong = items.length > MOST_ROWS;
    const settle =
      isLong &&
      hold(
        this.element,
        [...this.#rows.values()].map((row) => row.element),
      );
    this.#forget(new Set(stretches.flatMap(({ from, to }) => items.slice(from, to).map(({ id }) => id))));
    const rows = stretches.flatMap(({ from, to }) =>
      items.slice(from, to).map((item, n) => this.#row(item, from + n, from + n < fresh)),
    );
    this.#rows = new Map(rows.map((row) => [row.item.id, row]));
    const gaps = this.#nearby.between(items.length, stretches);
    /** @type {import("./days.js").Piece[]} */
    const pieces = stretches.flatMap(({ from, to }) => [
      ...gaps.filter((gap) => gap.to === from),
      ...rows.splice(0, to - from),
    ]);
    pieces.push(...gaps.filter((gap) => gap.to === items.length));
    this.#days.arrange(pieces, this.#manner);
    if (settle) settle();
    this.#nearby.watch();
  }

  /** @param {Set<string>} ids  that stay */
  #forget(ids) {
    for (const [id, row] of this.#rows) {
      if (ids.has(id)) continue;
      this.#watch.unobserve(row.article);
      for (const clamped of row.clamped) this.#room.unobserve(clamped);
      row.element.remove();
    }
  }

  /**
   * @param {Item} item
   * @param {number} place
   * @param {boolean} isNew  comes to others
   */
  #row(item, place, isNew) {
    const known = this.#rows.get(item.id);
    if (known && known.item !== item) known.update(item, this.#manner);
    const row = known ?? new Row(item, this.#manner);
    row.tell(place, this.#items.length > MOST_ROWS ? this.#items.length : 0);
    if (known) return row;
    row.current = false;
    for (const clamped of row.clamped) this.#room.observe(clamped);
    row.article.toggleAttribute("data-new", isNew);
    if (!item.seen_at) this.#watch.observe(row.article);
    return row;
  }

  /** Brings the row there where it is not. @param {number} place */
  #rowAt(place) {
    const id = this.#items[place]?.id ?? "";
    if (id && !this.#rows.has(id)) {
      this.#nearby.turnTo(place, this.#items.length);
      this.#render();
    }
    return this.#rows.get(id);
  }

  /** @param {Row} row @param {Item[]} [items] */
  #placeOf({ item: { id } }, items = this.#items) {
    return items.findIndex((item) => item.id === id);
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

  /**
   * @param {MouseEvent} event
   * @param {boolean} isPress
   */
  #clicked(event, isPress) {
    const row = this.#rowOf(event.target);
    const { button, shiftKey } = event;
    if (!row || button > 1) return;
    const pressed = /** @type {Element} */ (event.target);
    const act = /** @type {keyof RowCommands | "more" | undefined} */ (pressed.closest("button")?.dataset["act"]);
    /** What stands above the row's own has none. @type {HTMLAnchorElement | null} */
    const link = pressed.closest("a[href]");
    if (act) return button || (act === "more" ? row.unfold() : this.#commands[act](row));
    if (!isPress || (shiftKey && !link))
      event.preventDefault(); // text is being marked
    else if ((button || shiftKey || event.ctrlKey || event.metaKey) && (link ?? row.link)) {
      // The browser opens a link in another tab by itself; the page shall not be asked about this one
      if (!link) open(row.link?.href, "_blank", "noopener,noreferrer");
      this.#commands.visit(row);
    } else if (button) return;
    else if (!link && row.link) row.link.click();
    else if (!(link && link !== row.link ? this.actions.act(row, link) : this.actions.open(row))) {
      event.preventDefault();
    }
  }

  /** A key that is held moves on, but does nothing more: the next row is not meant. @param {KeyboardEvent} event */
  #pressed(event) {
    const row = this.#rowOf(event.target);
    if (!row || event.ctrlKey || event.metaKey || event.altKey) return;
    const step = STEPS[event.key];
    if (step) this.#move(row, step);
    else if (event.repeat) {
      if (event.key !== "Enter") return;
    } else if (event.key === "Enter" && event.target === row.article) row.article.click();
    else if (event.key === "e") this.#commands[row.item.archived_at ? "unarchive" : "archive"](row);
    else if (!row.item.archived_at && event.key === "s") this.#commands.snooze(row);
    else if (event.key === "u") this.#commands.toggle(row);
    else return;
    event.preventDefault();
  }

  /**
   * @param {Row} row
   * @param {number} step
   */
  #move(row, step) {
    const place = Math.max(this.#placeOf(row) + step, 0);
    this.#rowAt(Math.min(place, this.#items.length - 1))?.article.focus();
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
