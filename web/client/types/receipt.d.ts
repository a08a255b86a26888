/**
 * Tells the server what this page has handled, for the history; at most once a second, and the
 * last version only.
 *
 * @param {(frame: {type: "ack", version: number}) => void} send
 */
export declare function receipt(send: (frame: {
    type: "ack";
    version: number;
}) => void): {
    /** All up to this version was handled on the present connection. @param {number} handled */
    handled(handled: number): void;
    /** The connection is gone; the next has a receipt of its own. */
    lost(): void;
};
