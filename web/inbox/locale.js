/** Languages as pages write them, and what `Intl` says in them; nothing here throws. */

/** Costly to make, and every row needs them. @type {Map<string, any>} */
const formatters = new Map();

/**
 * A language that `Intl` takes: the one given, also as frameworks and systems write it (`pt_BR.UTF-8`,
 * `sr@latin`), else the browser's, else English.
 *
 * @param {string | null | undefined} lang
 */
export function localeOf(lang) {
  for (const candidate of [() => lang, () => navigator.language, ...browserLanguages(), () => "en"]) {
    try {
      const tag = /** @type {string} */ (candidate())
        .trim()
        .replace(/[.@,;\s].*$/s, "")
        .replace(/_/g, "-");
      const [known] = Intl.DateTimeFormat.supportedLocalesOf(tag);
      if (known) return known;
    } catch {
      // no language, or not one of this browser
    }
  }
  return "en";
}

/** @returns {(() => string)[]} */
function browserLanguages() {
  try {
    return navigator.languages.map((lang) => () => lang);
  } catch {
    return [];
  }
}

/**
 * @param {"DateTimeFormat" | "NumberFormat" | "RelativeTimeFormat"} kind
 * @param {string} locale
 * @param {object} options
 * @param {...unknown} values
 * @returns {string}  empty where it can not be said
 */
export function formatIntl(kind, locale, options, ...values) {
  try {
    const key = kind + locale + JSON.stringify(options);
    if (!formatters.has(key)) formatters.set(key, new /** @type {any} */ (Intl)[kind](locale, options));
    return formatters.get(key).format(...values);
  } catch {
    return "";
  }
}

/** @param {number} value @param {string} locale */
export const formatNumber = (value, locale) => formatIntl("NumberFormat", locale, {}, value) || `${value}`;

/**
 * The form of a phrase.
 *
 * @param {number} count
 * @param {string} locale
 * @returns {Intl.LDMLPluralRule}
 */
export function pluralCategory(count, locale) {
  try {
    return new Intl.PluralRules(locale).select(count);
  } catch {
    return count === 1 ? "one" : "other";
  }
}

/** @param {string} text @param {string} locale */
export function upperCase(text, locale) {
  try {
    return text.toLocaleUpperCase(locale);
  } catch {
    return text.toUpperCase();
  }
}

/** By the alphabet of the language. @param {string} locale @returns {(a: string, b: string) => number} */
export function collatorFor(locale) {
  try {
    return new Intl.Collator(locale).compare;
  } catch {
    return (a, b) => (a < b ? -1 : 1);
  }
}
