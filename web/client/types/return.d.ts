/**
 * Whether and when to come back after a connection has ended.
 *
 * @typedef {{baseMs: number, capMs: number}} Backoff
 * @typedef {{then: "retry" | "renew" | "stay_away", code: string, detail: string, leastMs: number}} Ending
 *   `renew`: come back with a new token; `code` is stable, `detail` a sentence for a person
 */
export type Backoff = {
    baseMs: number;
    capMs: number;
};
export type Ending = {
    then: "retry" | "renew" | "stay_away";
    code: string;
    detail: string;
    leastMs: number;
};
/**
 * @param {number} closeCode
 * @param {string} reason  the server's word for it
 * @returns {Ending}
 */
export declare function ending(closeCode: number, reason: string): Ending;
/**
 * Full jitter: any time from now to a bound that doubles with each failure, so that a crowd that
 * lost one server does not come back as one.
 *
 * @param {number} failures  in a row, the first is 1
 * @param {Backoff} backoff
 */
export declare function jittered(failures: number, backoff: Backoff): number;
