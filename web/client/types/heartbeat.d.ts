/**
 * Notices a connection that died without a word: a silence of one and a half heartbeats is asked
 * about, and no answer to that is the end. A timer that fires late tells of a sleep, after which
 * it asks at once. A browser does not show WebSocket pings to a page.
 *
 * @param {() => void} ping
 * @param {() => void} dead
 */
export declare function heartbeat(ping: () => void, dead: () => void): {
    /** @param {number} [heartbeatMs]  as the server's `welcome` says */
    start(heartbeatMs?: number): void;
    stop: () => void;
    /** Something came. One timer serves for all: it looks at this when it fires. */
    heard(): void;
    /** Ask now: there is reason to doubt. */
    probe: () => void;
};
