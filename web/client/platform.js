/**
 * What a page's surroundings may refuse or not have: a browser that blocks the data of sites, a
 * sandboxed frame, plain HTTP, a worker, a server that renders. Nothing here throws.
 */

/**
 * @template T
 * @param {() => T} read  may throw
 * @returns {T | undefined}
 */
function tryOrUndefined(read) {
  try {
    return read();
  } catch {
    return undefined;
  }
}

/** Only where it says so. */
export const isOffline = () => tryOrUndefined(() => navigator.onLine) === false;

export const isHidden = () => tryOrUndefined(() => document.hidden) === true;

/** None in pages that are not secure. */
export const locks = () => tryOrUndefined(() => navigator.locks);

/** @param {string} name */
export const openChannel = (name) => tryOrUndefined(() => new BroadcastChannel(name));

/** @param {string} url */
export const openSocket = (url) => tryOrUndefined(() => new WebSocket(url, "clarion.v1"));

/**
 * The live endpoint as a WebSocket's address; nothing where a page has no address to start from, as
 * on a server. A frame of `srcdoc` goes by its document's base, one of a `blob:` by its origin.
 *
 * @param {string} place
 */
export function liveUrl(place) {
  for (const base of [() => location.href, () => document.baseURI, () => location.origin]) {
    const url = tryOrUndefined(() => new URL(place, tryOrUndefined(base)).href) ?? "";
    if (/^(http|ws)s?:/.test(url)) return url.replace(/^http/, "ws");
  }
  return "";
}

/** A random UUID; `crypto.randomUUID` is for secure pages only. */
export function uuid() {
  const byte = () => tryOrUndefined(() => crypto.getRandomValues(new Uint8Array(1))[0]) ?? Math.random() * 256;
  /** @param {any} digit */
  const drawn = (digit) => (digit ^ (byte() & (15 >> (digit / 4)))).toString(16);
  return "10000000-1000-4000-8000-100000000000".replace(/[018]/g, drawn);
}
