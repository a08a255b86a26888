/**
 * Which rows of a long list are there: those near the view, and one that is wanted wherever it is.
 * In place of the others stand gaps of their likely height. Rows enough are kept for the page's own search
 * and for a screen reader that reads on.
 *
 * @typedef {import("../client/frames.js").Item} Item
 * @typedef {{from: number, to: number}} IndexRange  places of items; `to` is not in it
 * @typedef {IndexRange & {element: HTMLElement, sentinel: HTMLElement}} Gap
 */

import { element } from "./element.js";
import { intersectionObserver } from "./platform.js";

/** Rows that are there at once, half of them on each side of the view. */
export const MAX_ROWS = 400;
/** Of a row, in pixels; where it is another, what is read stays where it is all the same. */
const ESTIMATED_ROW_HEIGHT = 76;

export class VirtualWindow {
  /** The first place that is there. */
  #start = 0;
  #count = 0;
  /** @type {Gap[]} */
  #gaps = [];
  #observer = intersectionObserver((entries) => this.#onIntersection(entries));
  #onChange;

  /** @param {() => void} onChange  other rows shall be there */
  constructor(onChange) {
    this.#onChange = onChange;
  }

  /** Goes on with other items, from the one that was the first before. @param {Item[]} before @param {Item[]} items */
  followItems(before, items) {
    const first = this.#start > 0 && before[this.#start];
    const place = first ? items.findIndex((item) => item.id === first.id) : 0;
    this.#setStart(place < 0 ? this.#start : place, items.length);
  }

  /** Brings this place and its neighbours. @param {number} place @param {number} count */
  moveTo(place, count) {
    this.#setStart(Math.round(place) - MAX_ROWS / 2, count);
  }

  /** @param {number} place */
  includesIndex(place) {
    return place >= this.#start && place < this.#start + MAX_ROWS;
  }

  /**
   * What is there, in order.
   *
   * @param {number} count  of all
   * @param {number} required  a place that must be among them; none where it is below 0
   * @returns {IndexRange[]}
   */
  visibleRanges(count, required) {
    const sentinel = { from: this.#start, to: Math.min(this.#start + MAX_ROWS, count) };
    const single = { from: required, to: required + 1 };
    if (required < 0 || this.includesIndex(required)) return [sentinel];
    return required < sentinel.from ? [single, sentinel] : [sentinel, single];
  }

  /**
   * What stands in place of the items between the stretches.
   *
   * @param {number} count  of all
   * @param {IndexRange[]} visibleRanges
   * @returns {Gap[]}
   */
  gapsBetween(count, visibleRanges) {
    const ends = [0, ...visibleRanges.map(({ to }) => to)];
    const starts = [...visibleRanges.map(({ from }) => from), count];
    for (const gap of this.#gaps) {
      this.#observer.unobserve(gap.sentinel);
      gap.element.remove(); // a row that has the focus must not move past it
    }
    const missing = ends.map((from, n) => ({ from, to: starts[n] ?? from })).filter(({ from, to }) => to > from);
    this.#gaps = missing.map((range, n) => this.#createGap(range, this.#gaps[n]));
    return this.#gaps;
  }

  /** Looks which gap is near the view, now and whenever one comes there. */
  observeGaps() {
    for (const { sentinel } of this.#gaps) this.#observer.observe(sentinel);
  }

  /** @param {number} start @param {number} count */
  #setStart(start, count) {
    this.#start = Math.max(0, Math.min(start, count - MAX_ROWS));
    this.#count = count;
  }

  /**
   * @param {IndexRange} range
   * @param {Gap | undefined} before
   * @returns {Gap}
   */
  #createGap({ from, to }, before) {
    const sentinel = before?.sentinel ?? element("span", { class: "near" });
    const gap = before?.element ?? element("li", { class: "gap", "aria-hidden": "true" }, sentinel);
    gap.style.height = `${(to - from) * ESTIMATED_ROW_HEIGHT}px`;
    return { from, to, element: gap, sentinel };
  }

  /** @param {IntersectionObserverEntry[]} entries */
  #onIntersection(entries) {
    const entry = entries.findLast((one) => one.isIntersecting);
    const gap = this.#gaps.find(({ sentinel }) => sentinel === entry?.target);
    if (!entry || !gap) return;
    const { top, height } = gap.element.getBoundingClientRect();
    const middle = (entry.intersectionRect.top + entry.intersectionRect.bottom) / 2;
    const share = Math.min(Math.max((middle - top) / height, 0), 1);
    this.moveTo(gap.from + share * (gap.to - gap.from), this.#count);
    this.#onChange();
  }
}

/**
 * Rows and gaps in the order in which they stand.
 *
 * @template Row
 * @param {Row[]} rows  of all ranges
 * @param {IndexRange[]} ranges
 * @param {Gap[]} gaps
 * @returns {(Row | Gap)[]}
 */
export function interleaved(rows, ranges, gaps) {
  let start = 0;
  const entries = ranges.flatMap(({ from, to }) => [
    ...gaps.filter((gap) => gap.to === from),
    ...rows.slice(start, (start += to - from)),
  ]);
  const end = ranges.at(-1)?.to ?? 0;
  return [...entries, ...gaps.filter((gap) => gap.from === end && gap.to > end)];
}
