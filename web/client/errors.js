/** The server refused, or the feed has ended. `code` is stable, `message` a sentence for a person. */
export class ClarionError extends Error {
  /** @override */
  name = "ClarionError";

  /**
   * @param {string} code
   * @param {string} [detail]  where there is more to say
   */
  constructor(code, detail = code) {
    super(detail);
    this.code = code;
  }
}
