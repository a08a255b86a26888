import { ClarionError } from "./errors.js";
import { isShut, NO_ADDRESS } from "./protocol.js";

/**
 * A call beside the live feed, with the page's token; a token that is refused is replaced once.
 *
 * @param {string} url  of the live endpoint; the others are its neighbours
 * @param {Pick<import("./tokens.js").TokenSource, "current" | "drop">} tokens
 * @param {string} path  beside the live endpoint
 * @param {unknown} [body]  to post; what has none is a GET
 * @returns {Promise<any>}  the answer; rejects with a `ClarionError`
 */
export async function call(url, tokens, path, body) {
  if (!url) throw new ClarionError("no_address", NO_ADDRESS);
  const address = new URL(path, url.replace(/^ws/, "http"));
  let answer = await ask(address, await tokens.current(), body);
  if (answer.status === 401) {
    tokens.drop();
    answer = await ask(address, await tokens.current(), body);
  }
  const said = await answer.json().catch(() => ({}));
  if (answer.ok) return said;
  throw new ClarionError(said.code ?? "failed", said.detail ?? `The server answered ${answer.status}.`);
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
  if (cursor) query.set("cursor", cursor);
  const ask = () => call(live.url, live.tokens, `inbox?${query}`);
  let page = await ask();
  // One of another history may be older than ours, and what it has may be gone
  const { epoch } = live.feed.state();
  if (epoch && page.epoch !== epoch) page = await ask();
  const { code = "closed", detail } = live.state();
  if (isShut(live.state())) throw new ClarionError(code, detail); // while it was under way
  const { items, next_cursor } = page;
  items.forEach(live.feed.keep);
  return { items, next_cursor };
}

/**
 * @param {URL} address
 * @param {string} token
 * @param {unknown} body
 */
async function ask(address, token, body) {
  const authorization = `Bearer ${token}`;
  const post = {
    method: "POST",
    headers: { authorization, "content-type": "application/json" },
    body: JSON.stringify(body),
  };
  try {
    return await fetch(address, body === undefined ? { headers: { authorization } } : post);
  } catch {
    throw new ClarionError("unreachable", "The server cannot be reached.");
  }
}
