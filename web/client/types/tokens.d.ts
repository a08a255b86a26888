/**
 * @typedef {string | (() => string | Promise<string>)} TokenOption
 * @typedef {ReturnType<typeof tokenSource>} TokenSource
 */
export type TokenOption = string | (() => string | Promise<string>);
export type TokenSource = ReturnType<typeof tokenSource>;
/**
 * The page's token: asked for when none is at hand, kept until most of its life is over.
 *
 * @param {TokenOption} option
 */
export declare function tokenSource(option: TokenOption): {
    drop: () => void;
    /** A token that is good for a while; rejects with what the callback threw. */
    current(): Promise<string>;
    /** Milliseconds until the token should be renewed; `Infinity` where it does not say. */
    renewInMs: () => number;
};
/**
 * What a token says, unchecked; nothing where it is no JWT.
 *
 * @param {string} token
 * @returns {Record<string, any>}
 */
export declare function claims(token: string): Record<string, any>;
