/** Days and times as the reader's language puts them. */

const UNITS = /** @type {const} */ ([
  ["minute", 60],
  ["hour", 3_600],
  ["day", 86_400],
]);

/** Costly to make, and every row needs them. @type {Map<string, any>} */
const formats = new Map();

/**
 * @template Format
 * @template Options
 * @param {new (locale: string, options: Options) => Format} kind
 * @param {string} locale
 * @param {Options} options
 * @returns {Format}
 */
function format(kind, locale, options) {
  const key = kind.name + locale + JSON.stringify(options);
  const known = formats.get(key) ?? new kind(locale, options);
  formats.set(key, known);
  return known;
}

/**
 * @param {Date} when
 * @param {Date} now
 * @param {string} locale
 */
export function relativeTime(when, now, locale) {
  const seconds = Math.min(0, (when.getTime() - now.getTime()) / 1000);
  if (seconds <= -86_400 * 6) {
    return format(Intl.DateTimeFormat, locale, { dateStyle: "medium" }).format(when);
  }
  const relative = format(Intl.RelativeTimeFormat, locale, { numeric: "auto", style: "short" });
  if (seconds > -60) return relative.format(0, "second");
  const [unit, size] = UNITS.findLast(([, length]) => -seconds >= length) ?? UNITS[0];
  return relative.format(Math.trunc(seconds / size), unit);
}

/**
 * @param {Date} when
 * @param {string} locale
 */
export function fullTime(when, locale) {
  return format(Intl.DateTimeFormat, locale, { dateStyle: "full", timeStyle: "medium" }).format(when);
}

/**
 * Weekday, date and time.
 *
 * @param {Date} when
 * @param {string} locale
 */
export function shortTime(when, locale) {
  return format(Intl.DateTimeFormat, locale, {
    weekday: "short",
    hour: "numeric",
    minute: "2-digit",
    day: "numeric",
    month: "short",
  }).format(when);
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
  const name =
    days >= -1
      ? format(Intl.RelativeTimeFormat, locale, { numeric: "auto" }).format(Math.min(0, days), "day")
      : format(Intl.DateTimeFormat, locale, {
          weekday: "long",
          day: "numeric",
          month: "long",
          year: when.getFullYear() === now.getFullYear() ? undefined : "numeric",
        }).format(when);
  return name.charAt(0).toLocaleUpperCase(locale) + name.slice(1);
}

/** @param {Date} when */
function startOfDay(when) {
  return new Date(when.getFullYear(), when.getMonth(), when.getDate()).getTime();
}
