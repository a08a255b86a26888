/**
 * A call beside the live feed, with the page's token; a token that is refused is replaced once.
 *
 * @param {string} url  of the live endpoint; the others are its neighbours
 * @param {Pick<import("./tokens.js").TokenSource, "current" | "drop">} tokens
 * @param {string} path  beside the live endpoint
 * @param {unknown} [body]  to post; what has none is a GET
 * @returns {Promise<any>}  the answer; rejects with a `ClarionError`
 */
export declare function call(url: string, tokens: Pick<import("./tokens.js").TokenSource, "current" | "drop">, path: string, body?: unknown): Promise<any>;
