/**
 * @typedef {string | (() => string | Promise<string>)} TokenOption
 * @typedef {ReturnType<typeof tokenSource>} TokenSource
 */

/**
 * The page's token: asked for when none is at hand, kept until most of its life is over.
 *
 * @param {TokenOption} option
 */
export function tokenSource(option) {
  /** @type {Promise<string> | null} */
  let token = null;
  let renewAt = Infinity;

  async function ask() {
    const said = typeof option === "function" ? await option() : option;
    const { iat, exp } = claims(said);
    // A difference, so that a wrong clock on this side does no harm
    if (Number.isFinite(exp - iat)) renewAt = performance.now() + (exp - iat) * 800;
    return said;
  }

  /** The next `current()` asks again. */
  function drop() {
    token = null;
    renewAt = Infinity;
  }

  return {
    drop,

    /** A token that is good for a while; rejects with what the callback threw. */
    async current() {
      if (performance.now() >= renewAt) drop();
      try {
        return await (token ??= ask());
      } catch (error) {
        drop();
        throw error;
      }
    },

    /** Milliseconds until the token should be renewed; `Infinity` where it does not say. */
    renewInMs: () => Math.max(0, renewAt - performance.now()),
  };
}

/**
 * What a token says, unchecked; nothing where it is no JWT.
 *
 * @param {string} token
 * @returns {Record<string, any>}
 */
export function claims(token) {
  try {
    const payload = /** @type {string} */ (token.split(".")[1]);
    const bytes = Uint8Array.from(atob(payload.replace(/-/g, "+").replace(/_/g, "/")), (one) =>
      one.charCodeAt(0),
    );
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return {};
  }
}
