import { ClarionError } from "./errors.js";
import { MAX_EMPTY_PAGES, RESPONSE_TIMEOUT_MS } from "./limits.js";
import { isShut, serialize, NO_ADDRESS } from "./protocol.js";

/**
 * A call beside the live feed, with the page's token; a token that is refused is replaced once.
 *
 * @param {string} url  of the live endpoint; the others are its neighbours
 * @param {Pick<import("./tokens.js").TokenSource, "current" | "clear">} tokens
 * @param {string} path  beside the live endpoint
 * @param {unknown} [body]  to post; what has none is a GET
 * @param {string} [key]  of a command, which is carried out once however often it is sent
 * @returns {Promise<any>}  the answer; rejects with a `ClarionError`, in time
 */
export async function call(url, tokens, path, body, key) {
  if (!url) throw new ClarionError("no_address", NO_ADDRESS);
  const address = new URL(path, url.replace(/^ws/, "http"));
  let answer = await request(address, await tokens.current(), body, key);
  if (answer.status === 401) {
    tokens.clear();
    answer = await request(address, await tokens.current(), body, key);
  }
  const said = await answer.json().catch(() => (answer.ok ? unreachable() : {}));
  if (answer.ok) return said;
  const detail = said.detail ?? `The server answered ${answer.status}.`;
  throw new ClarionError(said.code ?? "failed", detail, retryAfterMs(answer));
}

/**
 * When it is of use to ask the same again, at the earliest: what a proxy or a server that is busy,
 * stopping or broken answers today it may not answer tomorrow.
 *
 * @param {Response} answer
 */
function retryAfterMs({ status, headers }) {
  if (status < 500 && ![408, 425, 429].includes(status)) return;
  const said = headers.get("retry-after") ?? "";
  return Math.max(0, +said * 1_000 || Date.parse(said) - Date.now() || 0);
}

/**
 * A page of the inbox, the newest first; the feed follows what becomes of its items.
 *
 * @param {Pick<ReturnType<typeof import("./live.js").live>, "url" | "tokens" | "feed" | "state">} live
 * @param {import("./clarion.js").ListOptions} [options]
 * @returns {Promise<import("./clarion.js").Page>}
 */
export async function list(live, { state = "inbox", category, cursor, limit = 50 } = {}) {
  const query = new URLSearchParams({ state, limit: `${limit}` });
  if (category) query.set("category", category);
  const request = () => call(live.url, live.tokens, `inbox?${query}`);
  let page;
  let left = MAX_EMPTY_PAGES;
  // The server looks at a bounded number of items, so a page before the last may be empty
  do {
    if (cursor) query.set("cursor", cursor);
    page = await request();
    cursor = page.next_cursor;
  } while (cursor && !page.items[0] && --left);
  if (live.feed.isOutdated(page)) page = await request();
  const { code = "closed", detail } = live.state();
  if (isShut(live.state())) throw new ClarionError(code, detail); // while it was under way
  return { items: live.feed.track(page), next_cursor: page.next_cursor };
}

/**
 * @param {URL} address
 * @param {string} token
 * @param {unknown} body
 * @param {string} [key]
 */
function request(address, token, body, key) {
  /** @type {Record<string, string>} */
  const headers = { authorization: `Bearer ${token}` };
  if (body !== undefined) headers["content-type"] = "application/json";
  if (key) headers["idempotency-key"] = key;
  const method = body === undefined ? "GET" : "POST";
  const signal = AbortSignal.timeout?.(RESPONSE_TIMEOUT_MS);
  return fetch(address, { method, headers, body: serialize(body), signal }).catch(unreachable);
}

/** @returns {never} */
function unreachable() {
  throw new ClarionError("unreachable", "The server cannot be reached.", 0);
}
