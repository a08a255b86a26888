/**
 * Which rows of a long list are there: those near the view, and one that is wanted wherever it is.
 * In place of the others stand gaps of their likely height. Rows enough are kept for the page's own search
 * and for a screen reader that reads on.
 *
 * @typedef {import("../client/frames.js").Item} Item
 * @typedef {{from: number, to: number}} Stretch  places of items; `to` is not in it
 * @typedef {Stretch & {element: HTMLElement, near: HTMLElement}} Gap
 */

import { element } from "./element.js";
import { sight } from "./platform.js";

/** Rows that are there at once, half of them on each side of the view. */
export const MOST_ROWS = 400;
/** Of a row, in pixels; where it is another, what is read stays where it is all the same. */
const LIKELY_HEIGHT = 76;

export class Nearby {
  /** The first place that is there. */
  #start = 0;
  #count = 0;
  /** @type {Gap[]} */
  #gaps = [];
  #watch = sight((entries) => this.#approached(entries));
  #turned;

  /** @param {() => void} turned  other rows shall be there */
  constructor(turned) {
    this.#turned = turned;
  }

  /** Goes on with other items, from the one that was the first before. @param {Item[]} before @param {Item[]} items */
  follow(before, items) {
    const first = this.#start > 0 && before[this.#start];
    const place = first ? items.findIndex((item) => item.id === first.id) : 0;
    this.#begin(place < 0 ? this.#start : place, items.length);
  }

  /** Brings this place and its neighbours. @param {number} place @param {number} count */
  turnTo(place, count) {
    this.#begin(Math.round(place) - MOST_ROWS / 2, count);
  }

  /** @param {number} place */
  holds(place) {
    return place >= this.#start && place < this.#start + MOST_ROWS;
  }

  /**
   * What is there, in order.
   *
   * @param {number} count  of all
   * @param {number} wanted  a place that must be among them; none where it is below 0
   * @returns {Stretch[]}
   */
  stretches(count, wanted) {
    const near = { from: this.#start, to: Math.min(this.#start + MOST_ROWS, count) };
    const alone = { from: wanted, to: wanted + 1 };
    if (wanted < 0 || this.holds(wanted)) return [near];
    return wanted < near.from ? [alone, near] : [near, alone];
  }

  /**
   * What stands in place of the items between the stretches.
   *
   * @param {number} count  of all
   * @param {Stretch[]} stretches
   * @returns {Gap[]}
   */
  between(count, stretches) {
    const ends = [0, ...stretches.map(({ to }) => to)];
    const starts = [...stretches.map(({ from }) => from), count];
    for (const gap of this.#gaps) {
      this.#watch.unobserve(gap.near);
      gap.element.remove(); // a row that has the focus must not move past it
    }
    const missing = ends.map((from, n) => ({ from, to: starts[n] ?? from })).filter(({ from, to }) => to > from);
    this.#gaps = missing.map((stretch, n) => this.#gap(stretch, this.#gaps[n]));
    return this.#gaps;
  }

  /** Looks which gap is near the view, now and whenever one comes there. */
  watch() {
    for (const { near } of this.#gaps) this.#watch.observe(near);
  }

  /** @param {number} start @param {number} count */
  #begin(start, count) {
    this.#start = Math.max(0, Math.min(start, count - MOST_ROWS));
    this.#count = count;
  }

  /**
   * @param {Stretch} stretch
   * @param {Gap | undefined} before
   * @returns {Gap}
   */
  #gap({ from, to }, before) {
    const near = before?.near ?? element("span", { class: "near" });
    const gap = before?.element ?? element("li", { class: "gap", "aria-hidden": "true" }, near);
    gap.style.height = `${(to - from) * LIKELY_HEIGHT}px`;
    return { from, to, element: gap, near };
  }

  /** @param {IntersectionObserverEntry[]} entries */
  #approached(entries) {
    const entry = entries.findLast((one) => one.isIntersecting);
    const gap = this.#gaps.find(({ near }) => near === entry?.target);
    if (!entry || !gap) return;
    const { top, height } = gap.element.getBoundingClientRect();
    const middle = (entry.intersectionRect.top + entry.intersectionRect.bottom) / 2;
    const share = Math.min(Math.max((middle - top) / height, 0), 1);
    this.turnTo(gap.from + share * (gap.to - gap.from), this.#count);
    this.#turned();
  }
}
