/** @typedef {string | (() => string | Promise<string>)} TokenOption */

/** The page's token: asked for when none is at hand, kept until most of its life is over. */
export class TokenSource {
  /** @type {() => string | Promise<string>} */
  #ask;
  /** @type {Promise<string> | null} */
  #token = null;
  #renewAt = Infinity;

  /** @param {TokenOption} option */
  constructor(option) {
    this.#ask = typeof option === "function" ? option : () => option;
  }

  /** A token that is good for a while; rejects with what the callback threw. */
  async current() {
    if (performance.now() >= this.#renewAt) this.drop();
    this.#token ??= this.#fetch();
    try {
      return await this.#token;
    } catch (error) {
      this.drop();
      throw error;
    }
  }

  /** The next `current()` asks again. */
  drop() {
    this.#token = null;
    this.#renewAt = Infinity;
  }

  /** Milliseconds until the token should be renewed; `Infinity` where it does not say. */
  get renewInMs() {
    return Math.max(0, this.#renewAt - performance.now());
  }

  async #fetch() {
    const token = await this.#ask();
    this.#renewAt = performance.now() + lifetimeMs(token) * 0.8;
    return token;
  }
}

/**
 * From `iat` to `exp`: a difference, so a wrong clock on this side does no harm.
 *
 * @param {string} token
 */
function lifetimeMs(token) {
  try {
    const payload = (token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/");
    const { iat, exp } = JSON.parse(atob(payload));
    return Number.isFinite(exp - iat) ? Math.max(0, exp - iat) * 1000 : Infinity;
  } catch {
    return Infinity;
  }
}
