const SAFE = new Set(["http:", "https:", "mailto:"]);

/**
 * A link that can only lead somewhere, never run anything.
 *
 * @param {string | null} text
 * @returns {{href: string, elsewhere: boolean} | null}  `elsewhere`: not a page of this site
 */
export function safeLink(text) {
  if (!text) return null;
  try {
    const url = new URL(text, document.baseURI);
    if (!SAFE.has(url.protocol)) return null;
    return { href: url.href, elsewhere: url.origin !== location.origin };
  } catch {
    return null;
  }
}
