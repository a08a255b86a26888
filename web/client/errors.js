/** The server refused, or the feed has ended. `code` is stable, `message` a sentence for a person. */
export class ClarionError extends Error {
  /** @override */
  name = "ClarionError";

  /**
   * @param {string} code
   * @param {string} [detail]  where there is more to say
   * @param {number} [retryAfterMs]  where it is of use to ask the same again: not before
   */
  constructor(code, detail = code, retryAfterMs) {
    super(detail);
    this.code = code;
    this.againInMs = retryAfterMs;
  }
}
