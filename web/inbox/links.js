/**
 * A link that can only lead somewhere, never run anything: `https`, `mailto`, or a page of this
 * site.
 *
 * @typedef {{href: string, isExternal: boolean}} Link  `elsewhere`: a page of another site
 * @typedef {{label: string, link: Link | null}} Action
 */

const MAX_ACTIONS = 3;
const MAX_LABEL = 60;

/**
 * @param {unknown} text
 * @returns {Link | null}
 */
export function safeLink(text) {
  if (typeof text !== "string" || !text.trim()) return null;
  try {
    const url = new URL(text, document.baseURI);
    const here = url.origin === location.origin && url.protocol === location.protocol;
    if (here && /^https?:$/.test(url.protocol)) return { href: url.href, isExternal: false };
    if (url.protocol === "mailto:") return { href: url.href, isExternal: false };
    return url.protocol === "https:" ? { href: url.href, isExternal: true } : null;
  } catch {
    return null;
  }
}

/**
 * The first three of an item's `data.actions`, `[{label, url}]`; what has another shape is passed
 * over, what leads nowhere safe has no link.
 *
 * @param {unknown} data
 * @returns {Action[]}
 */
export function actionsOf(data) {
  const given = isRecord(data) ? data["actions"] : null;
  if (!Array.isArray(given)) return [];
  return given
    .filter((one) => isRecord(one) && typeof one["label"] === "string" && one["label"].trim())
    .slice(0, MAX_ACTIONS)
    .map((one) => ({ label: one.label.trim().slice(0, MAX_LABEL), link: safeLink(one.url) }));
}

/**
 * @param {unknown} value
 * @returns {value is Record<string, unknown>}
 */
function isRecord(value) {
  return typeof value === "object" && value !== null;
}
