/** What the client knows of `clarion.v1` besides the frames. */

/** A feed that is not, or no longer, for this page. @param {{state: string}} change */
export const isShut = ({ state }) => state === "refused" || state === "signed-out";

/** Of those that bear versions, the ones that this client knows. @param {{type: string}} frame */
export const isFeedFrame = ({ type }) => ["notification", "changed", "caught_up"].includes(type);

/** What is no frame is passed over, as one of a type that is not known. @param {string} data */
export function parseFrame(data) {
  try {
    return JSON.parse(data) ?? {};
  } catch {
    return {};
  }
}

/**
 * What is sent, whatever `toJSON` a library has given to all arrays, objects and times of the page. Those
 * of other classes are their own.
 *
 * @param {unknown} value
 */
export const serialize = (value) =>
  JSON.stringify(
    value,
    /** @this {any} */ function (key, said) {
      const own = this[key];
      if (own instanceof Date) return isNaN(+own) ? null : own.toISOString();
      const all = /** @type {any[]} */ ([[], {}]);
      return own?.toJSON && all.some(({ toJSON }) => toJSON === own.toJSON) ? own : said;
    },
  );

export const ABNORMAL = 1006;
export const TOKEN_REFUSED = 4401;
export const TOO_MANY_SESSIONS = 4409;
export const TOO_MANY_FRAMES = 4429;

/** The server's words. */
export const EXPIRED = "token_expired";
export const REVOKED = "token_revoked";
/** The client's own. */
export const SIGNED_OUT = "signed_out";
export const NOT_A_TOKEN = "not_a_token";

export const NO_ADDRESS = "This page has no address: say the feed's `url`.";
const REFUSED = "The server refuses this page.";

/**
 * Where it is of no use to come back as before: a sentence, by the server's word or else the close
 * code. @type {Record<string | number, string>}
 */
export const TERMINAL_CODES = {
  1002: REFUSED,
  1003: REFUSED,
  1007: REFUSED,
  [TOKEN_REFUSED]: "The token was refused or has expired.",
  4403: REFUSED,
  4413: REFUSED,
  [REVOKED]: "Your access was revoked.",
};
