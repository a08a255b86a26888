/** Days and times as the reader's language puts them. */

import { upperCase, formatIntl } from "./locale.js";

const UNITS = /** @type {const} */ ([
  ["minute", 60],
  ["hour", 3_600],
  ["day", 86_400],
]);

/**
 * @param {Date} when
 * @param {Date} now
 * @param {string} locale
 */
export function relativeTime(when, now, locale) {
  const seconds = Math.min(0, (when.getTime() - now.getTime()) / 1000);
  if (seconds <= -86_400 * 6) {
    return formatDate(locale, { dateStyle: "medium" }, when);
  }
  const [unit, size] = UNITS.findLast(([, length]) => -seconds >= length) ?? ["second", Infinity];
  const options = { numeric: "auto", style: "short" };
  return formatIntl("RelativeTimeFormat", locale, options, Math.trunc(seconds / size), unit) || isoFallback(when);
}

/**
 * @param {Date} when
 * @param {string} locale
 */
export function fullTime(when, locale) {
  return formatDate(locale, { dateStyle: "full", timeStyle: "medium" }, when);
}

/**
 * Weekday, date and time.
 *
 * @param {Date} when
 * @param {string} locale
 */
export function shortTime(when, locale) {
  const day = { weekday: "short", day: "numeric", month: "short" };
  return formatDate(locale, { ...day, hour: "numeric", minute: "2-digit" }, when);
}

/** @param {string} locale @param {object} options @param {Date} when */
const formatDate = (locale, options, when) => formatIntl("DateTimeFormat", locale, options, when) || isoFallback(when);

/** Where the browser cannot say it; nothing where it is no time. @param {Date} when */
function isoFallback(when) {
  const here = new Date(when.getTime() - when.getTimezoneOffset() * 60_000);
  return isNaN(here.getTime()) ? "" : here.toISOString().slice(0, 16).replace("T", " ");
}

/** The same for all times of one day here. @param {Date} when */
export function dayKey(when) {
  return `${when.getFullYear()}-${when.getMonth() + 1}-${when.getDate()}`;
}

/**
 * @param {Date} when
 * @param {Date} now
 * @param {string} locale
 */
export function dayName(when, now, locale) {
  const days = Math.round((startOfDay(when) - startOfDay(now)) / 86_400_000);
  const year = when.getFullYear() === now.getFullYear() ? undefined : "numeric";
  const name =
    days >= -1
      ? formatIntl("RelativeTimeFormat", locale, { numeric: "auto" }, Math.min(0, days), "day")
      : formatIntl("DateTimeFormat", locale, { weekday: "long", day: "numeric", month: "long", year }, when);
  return upperCase(name.charAt(0), locale) + name.slice(1) || isoFallback(when).slice(0, 10);
}

/** @param {Date} when */
function startOfDay(when) {
  return new Date(when.getFullYear(), when.getMonth(), when.getDate()).getTime();
}
