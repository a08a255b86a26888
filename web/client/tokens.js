import { ClarionError } from "./errors.js";
import { RENEW_MS_PER_LIFETIME_S, STALE_TOKEN_MS, TOKEN_TIMEOUT_MS } from "./limits.js";
import { EXPIRED, NOT_A_TOKEN, SIGNED_OUT, serialize } from "./protocol.js";
import { now } from "./timer.js";

/**
 * @typedef {string | null | undefined} SomeToken
 * @typedef {SomeToken | (() => SomeToken | Promise<SomeToken>)} TokenOption
 *   Nothing says that nobody is signed in. A function that throws, or does not answer in time, is
 *   asked again after a while; a `ClarionError` that it throws is for good
 * @typedef {ReturnType<typeof tokenSource>} TokenSource
 */

/** What a token may consist of (RFC 6750). The body of an error page holds other things. */
const TOKEN = /^[\w.~+/=-]+$/;

/**
 * The page's token: asked for when none is at hand, and anew when most of its life is over. All are
 * of the one subscriber whom the first has named.
 *
 * @param {TokenOption} option
 * @param {string} url  of the feed
 * @param {(error: unknown) => never} onFailure  whoever has asked, for whatever, and however late
 */
export function tokenSource(option, url, onFailure) {
  let token = "";
  /** @type {number | undefined} */
  let issuedAt;
  let renewAt = 0;
  let endsAt = 0;
  /** @type {string | undefined} */
  let feed;
  let lastRequest = 0;
  let lastAnswered = 0;
  /** @type {Promise<string> | null} */
  let pendingRequest = null;
  /** What the server refused last, by which word, and since when it refuses. */
  let refusedToken = "";
  let refusal = "";
  let refusedAt = 0;

  async function requestToken() {
    const requestNumber = ++lastRequest;
    const said = validated(typeof option === "function" ? await option() : option);
    const { iat, exp, tenant, sub } = claims(said);
    // As JSON, so that no name can be read as another tenant's
    const name = sub && serialize(["clarion", url, tenant, sub]);
    if ((feed ??= name) !== name) {
      throw new ClarionError("another_subscriber", "It is somebody else's.");
    }
    // One that comes late is good too, where no newer one is there
    if (requestNumber > lastAnswered) {
      // A difference, so that a wrong clock on this side does no harm
      const lifeS = exp > iat ? exp - iat : Infinity;
      lastAnswered = requestNumber;
      token = said;
      issuedAt = iat;
      renewAt = now() + lifeS * RENEW_MS_PER_LIFETIME_S;
      endsAt = now() + lifeS * 1_000;
    }
    return said;
  }

  /** A newer one; rejects with what the callback threw, or where it does not answer in time. */
  function renew() {
    return (pendingRequest ??= withTimeout(requestToken().catch(onFailure)).finally(() => (pendingRequest = null)));
  }

  return {
    renew,

    /** One that is good for all we know. */
    current: () => (now() < endsAt ? Promise.resolve(token) : renew()),

    /** The next `current()` asks again. */
    clear() {
      renewAt = endsAt = 0;
    },

    /** Milliseconds until the token should be renewed; `Infinity` where it does not say. */
    renewInMs: () => renewAt - now(),

    /**
     * The server has refused it.
     *
     * @param {string} code
     * @returns {"now" | "later" | "never"}  when to try again: an expired token, or the very same, may
     *   come out of a cache, and soon there will be another
     */
    refuse(code) {
      const isFirst = !refusedToken;
      const isAnother = refusedToken !== token;
      refusedToken = token;
      refusal = code;
      refusedAt ||= now();
      renewAt = endsAt = 0;
      if (typeof option !== "function") return "never";
      if (isFirst) return "now";
      const mayBeStale = code === EXPIRED || !isAnother;
      return mayBeStale && now() - refusedAt < STALE_TOKEN_MS ? "later" : "never";
    },

    /** The word by which it was refused; none where it was not. */
    refusal: () => (token === refusedToken ? refusal : ""),

    /** One was accepted, or the page begins anew. */
    reset() {
      refusedToken = "";
      refusedAt = 0;
    },

    /** In seconds, where the token says. */
    issuedAt: () => issuedAt,

    /** Names the feed for the tabs of this browser, where a token has said whose it is. */
    feed: () => feed,
  };
}

/**
 * Whom a token names, unchecked; itself where it names nobody.
 *
 * @param {SomeToken} token
 */
export function personOf(token) {
  const { tenant, sub } = claims(token ?? "");
  return sub ? serialize([tenant, sub]) : (token ?? null);
}

/**
 * @param {SomeToken} said
 * @returns {string}
 */
function validated(said) {
  const token = typeof said === "string" ? said.trim() : said;
  if (!token) throw new ClarionError(SIGNED_OUT, "Nobody is signed in.");
  if (typeof token === "string" && TOKEN.test(token)) return token;
  throw new ClarionError(NOT_A_TOKEN, "What the page gave is not a token.");
}

/**
 * @param {Promise<string>} token
 * @returns {Promise<string>}
 */
function withTimeout(token) {
  return new Promise((resolve, reject) => {
    const late = () => reject(new Error("The page's token does not come."));
    const timer = setTimeout(late, TOKEN_TIMEOUT_MS);
    token.then(resolve, reject).finally(() => clearTimeout(timer));
  });
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
    return JSON.parse(atob(payload.replace(/-/g, "+").replace(/_/g, "/"))) ?? {};
  } catch {
    return {};
  }
}
