import { ClarionError } from "./errors.js";
import { RENEW_MS_A_LIFE_S } from "./limits.js";
import { now } from "./timer.js";

/**
 * @typedef {string | (() => string | Promise<string>)} TokenOption
 *   One that throws is asked again after a while; a `ClarionError` is for good
 * @typedef {ReturnType<typeof tokenSource>} TokenSource
 */

/**
 * The page's token: asked for when none is at hand, kept until most of its life is over. All are
 * of the one subscriber whom the first has named.
 *
 * @param {TokenOption} option
 * @param {string} url  of the feed
 */
export function tokenSource(option, url) {
  /** @type {Promise<string>} */
  let token;
  let renewAt = 0;
  /** @type {string | undefined} */
  let feed;

  async function ask() {
    renewAt = Infinity;
    try {
      const said = typeof option === "function" ? await option() : option;
      const { iat, exp, tenant, sub } = claims(said);
      const theirs = sub && `clarion ${url} ${tenant} ${sub}`;
      if ((feed ??= theirs) !== theirs) {
        throw new ClarionError("another_subscriber", "The token is somebody else's.");
      }
      // A difference, so that a wrong clock on this side does no harm
      if (exp > iat) renewAt = now() + (exp - iat) * RENEW_MS_A_LIFE_S;
      return said;
    } catch (error) {
      drop();
      throw error;
    }
  }

  /** The next `current()` asks again. */
  function drop() {
    renewAt = 0;
  }

  return {
    drop,

    /** A token that is good for a while; rejects with what the callback threw. */
    current: () => (renewAt <= now() ? (token = ask()) : token),

    /** Milliseconds until the token should be renewed; `Infinity` where it does not say. */
    renewInMs: () => renewAt - now(),

    /** Names the feed for the tabs of this browser, where a token has said whose it is. */
    feed: () => feed,
  };
}

/** Whom a token names, unchecked; itself where it names nobody. @param {string} token */
export function personOf(token) {
  const { tenant, sub } = claims(token);
  return sub ? `${tenant} ${sub}` : token;
}

/**
 * What a token says, unchecked; nothing where it is no JWT.
 *
 * @param {string} token
 * @returns {Record<string, any>}
 */
function claims(token) {
  try {
    const payload = /** @type {string} */ (token.split(".")[1]);
    return JSON.parse(atob(payload.replace(/-/g, "+").replace(/_/g, "/")));
  } catch {
    return {};
  }
}
