import { formatNumber, pluralCategory } from "./locale.js";

/**
 * What the elements say, in English; other languages are in `locales/`. `words`, as an attribute (JSON) or a property, says any of it
 * otherwise; what is left out stays English. `{count}`, `{title}` and the like are filled in. Where
 * a number decides the form, a phrase is a table of the plural categories of the language:
 * `{"one": "{count} new", "other": "{count} new"}`.
 */
export const words = {
  /** `rtl` where the words are written so; else they follow the page. */
  direction: "",
  heading: "Notifications",
  /** @type {Phrase} */
  unread: "{count} unread",
  /** @type {Phrase} */
  bell: "{heading}, {count} unread",
  close: "Close",
  filters: "Filter notifications",
  views: { inbox: "All", unread: "Unread", snoozed: "Snoozed", archived: "Archived" },
  category: "Category",
  /** What a category or a type of event is called, by its key; one that is not here is not named. */
  labels: /** @type {Record<string, string>} */ ({}),
  allCategories: "All categories",
  allRead: "Mark all as read",
  markRead: "Mark as read",
  markUnread: "Mark as unread",
  archive: "Archive",
  unarchive: "Move to inbox",
  archived: "Archived",
  undo: "Undo",
  actions: "Actions",
  more: "Show more",
  less: "Show less",
  snooze: "Snooze",
  snoozes: {
    hour: "In an hour",
    evening: "This evening",
    morning: "Tomorrow morning",
    week: "Next week",
  },
  wake: "Bring back now",
  snoozedUntil: "Snoozed until {time}",
  urgent: "Urgent",
  unreadItem: "Unread.",
  older: "Show older",
  loading: "Loading notifications",
  loadingOlder: "Loading older notifications",
  notLoaded: "Notifications could not be loaded.",
  retry: "Try again",
  /** @type {Phrase} */
  newAbove: { one: "{count} new notification", other: "{count} new notifications" },
  emptyTitles: {
    inbox: "No notifications",
    unread: "No unread notifications",
    snoozed: "Nothing is snoozed",
    archived: "Nothing is archived",
    category: "No notifications in {category}",
  },
  emptyTexts: {
    inbox: "New notifications appear here.",
    unread: "New notifications appear here.",
    snoozed: "Snoozed notifications wait here until their time.",
    archived: "Archived notifications are kept here.",
    category: "Choose another category.",
  },
  away: "Not connected. What arrives meanwhile is kept and shown when you are back.",
  arrived: "New notification: {title}",
  /** @type {Phrase} */
  arrivedTogether: { other: "{count} new notifications, the latest: {title}" },
  failed: "That did not work. {detail}",
  states: {
    idle: "Not connected",
    connecting: "Connecting",
    live: "Live",
    waiting: "Reconnecting",
    offline: "Offline",
    "signed-out": "Signed out",
    refused: "Refused",
    closed: "Disconnected",
  },
  /** By the code of the end; where there is none, what the client says is shown. */
  reasons: /** @type {Record<string, string>} */ ({
    another_subscriber: "Somebody else has logged in: load the page again.",
    origin_not_allowed: "This page may not open this feed.",
    signed_out: "Nobody is signed in.",
    too_many_sessions: "Too many windows are connected.",
  }),
};

/**
 * @typedef {string | ({other: string} & Partial<Record<Intl.LDMLPluralRule, string>>)} Phrase
 * @typedef {typeof words} Words
 * @typedef {{[Name in keyof Words]?: Words[Name] extends string ? string
 *   : Words[Name] extends Phrase ? Phrase : Partial<Words[Name]>}} SomeWords
 * @typedef {SomeWords | (() => Promise<{default: SomeWords}>) | Promise<unknown>} Translation
 */

/**
 * Words of other languages by their tags: `locales.de = words`, or `() => import(...)` for those that
 * are loaded when an element speaks the language.
 *
 * @type {Record<string, Translation | undefined>}
 */
export const locales = {};

/**
 * The table of a language, else of the language without its region; none where there is none, or
 * until it is loaded.
 *
 * @param {string} locale
 * @param {() => void} onLoaded
 * @returns {SomeWords | undefined}
 */
export function translationFor(locale, onLoaded) {
  const tag = [locale, locale.replace(/-.*/, "")].find((one) => Object.hasOwn(locales, one)) ?? "";
  let table = locales[tag];
  if (typeof table === "function") {
    // One that does not come leaves the element with what it has said so far
    const loaded = (/** @type {{default?: SomeWords}} */ module) => (locales[tag] = module.default);
    table = locales[tag] = table().then(loaded, () => loaded({}));
  }
  if (table instanceof Promise) table = void table.then(onLoaded);
  return table;
}

/**
 * English, with these in place of it. What is no word is passed over.
 *
 * @param {unknown} given  words, or their JSON
 * @param {SomeWords} [table]  of another language, which goes before English
 * @returns {Words}
 */
export function withOverrides(given, table) {
  const changed = typeof given === "string" ? parseOverrides(given) : given;
  return /** @type {Words} */ (merge(merge(words, table), changed));
}

/**
 * What a category or type is called; nothing where the table does not say.
 *
 * @param {Words} words
 * @param {...(string | null)} keys  the first that has a name
 */
export function labelOf({ labels }, ...keys) {
  const key = keys.find((one) => one !== null && Object.hasOwn(labels, one));
  return key ? (labels[key] ?? "") : "";
}

/**
 * @param {Phrase} phrase
 * @param {Record<string, string | number>} values
 * @param {string} locale  of the phrase: chooses the form for `values.count`
 */
export function formatMessage(phrase, values, locale) {
  const count = values["count"];
  const form = typeof count === "number" ? pluralCategory(count, locale) : "other";
  const text = typeof phrase === "string" ? phrase : (phrase[form] ?? phrase.other);
  return text.replace(/\{(\w+)\}/g, (whole, name) => {
    const value = values[name];
    if (value === undefined) return whole;
    return typeof value === "number" ? formatNumber(value, locale) : value;
  });
}

/** @param {string} json */
function parseOverrides(json) {
  try {
    return JSON.parse(json);
  } catch {
    console.warn("clarion: `words` is no JSON and was passed over.");
    return {};
  }
}

/**
 * @param {object} base
 * @param {unknown} changed
 * @returns {object}
 */
function merge(base, changed) {
  if (typeof changed !== "object" || changed === null) return base;
  /** @type {Record<string, unknown>} */
  const result = { ...base };
  for (const [name, value] of Object.entries(changed)) {
    const before = result[name];
    const plural = isPhrase(before) && isPhrase(value);
    if (plural) result[name] = value;
    else if (typeof before === "object" && before !== null) result[name] = merge(before, value);
    else if (typeof value === "string") result[name] = value;
  }
  return result;
}

/** @param {unknown} value */
function isPhrase(value) {
  if (typeof value === "string") return true;
  return typeof value === "object" && value !== null && "other" in value;
}
