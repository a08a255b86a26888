import { ClarionError } from "./commands.js";

/**
 * The calls beside the live feed, with the page's token; a token that is refused is replaced once.
 */
export class Rest {
  #url;
  #tokens;

  /**
   * @param {string} url  of the live endpoint; the others are its neighbours
   * @param {import("./tokens.js").TokenSource} tokens
   */
  constructor(url, tokens) {
    this.#url = url.replace(/^ws/, "http");
    this.#tokens = tokens;
  }

  /**
   * @param {string} path  beside the live endpoint
   * @param {unknown} [body]  to post; what has none is a GET
   * @returns {Promise<any>}  the answer; rejects with a `ClarionError`
   */
  async call(path, body) {
    let answer = await this.#ask(path, body);
    if (answer.status === 401) {
      this.#tokens.drop();
      answer = await this.#ask(path, body);
    }
    const said = await answer.json().catch(() => ({}));
    if (answer.ok) return said;
    throw new ClarionError(said.code ?? "failed", said.detail ?? `The server answered ${answer.status}.`);
  }

  /**
   * @param {string} path
   * @param {unknown} body
   */
  async #ask(path, body) {
    const token = await this.#tokens.current();
    /** @type {Record<string, string>} */
    const headers = { authorization: `Bearer ${token}` };
    if (body !== undefined) headers["content-type"] = "application/json";
    return fetch(new URL(path, this.#url), {
      method: body === undefined ? "GET" : "POST",
      headers,
      ...(body !== undefined && { body: JSON.stringify(body) }),
    }).catch(() => {
      throw new ClarionError("unreachable", "The server cannot be reached.");
    });
  }
}
