import { Menu } from "./menu.js";
import { shortTime } from "./times.js";

/**
 * When a snoozed item may come back, by the reader's clock.
 *
 * @typedef {"hour" | "evening" | "morning" | "week"} SnoozeName
 * @typedef {{name: SnoozeName, until: Date}} Choice
 */

const EVENING = 18;
const MORNING = 9;
const MONDAY = 1;

export class SnoozeMenu {
  #menu = new Menu();

  get element() {
    return this.#menu.element;
  }

  close() {
    this.#menu.close();
  }

  /**
   * All that its buttons do, where there is no room for them.
   *
   * @param {import("./row.js").Row} row
   * @param {import("./row.js").Formatting} formatting
   */
  openActions({ buttons, menuButton }, { words }) {
    const entries = buttons.map((button) => ({ label: button.title, act: () => button.click() }));
    this.#menu.open(menuButton, words.actions, entries);
  }

  /**
   * @param {import("./row.js").Row} row
   * @param {import("./row.js").Formatting} formatting
   * @param {(until: Date | null) => void} snooze  null brings it back
   */
  open({ item, menuButton }, { words, locale, now }, snooze) {
    const entries = snoozeChoices(now()).map(({ name, until }) => ({
      label: words.snoozes[name],
      hint: shortTime(until, locale),
      act: () => snooze(until),
    }));
    const wake = { label: words.wake, act: () => snooze(null) };
    this.#menu.open(menuButton, words.snooze, item.snoozed_until ? [wake, ...entries] : entries);
  }
}

/**
 * @param {Date} now
 * @returns {Choice[]}  in order of time; no evening where it has begun or nearly so
 */
export function snoozeChoices(now) {
  const evening = atHour(now, 0, EVENING);
  const later = new Date(now.getTime() + 3_600_000);
  return [
    { name: "hour", until: later },
    ...(later < evening ? [{ name: /** @type {const} */ ("evening"), until: evening }] : []),
    { name: "morning", until: atHour(now, 1, MORNING) },
    { name: "week", until: atHour(now, daysToMonday(now), MORNING) },
  ];
}

/** At least two, so that "next week" is not "tomorrow". @param {Date} now */
function daysToMonday(now) {
  const days = (MONDAY - now.getDay() + 7) % 7 || 7;
  return days < 2 ? days + 7 : days;
}

/**
 * @param {Date} now
 * @param {number} days  from today
 * @param {number} hour
 */
function atHour(now, days, hour) {
  return new Date(now.getFullYear(), now.getMonth(), now.getDate() + days, hour);
}
