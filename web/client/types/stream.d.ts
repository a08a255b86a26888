/**
 * The link where no WebSocket comes through: server-sent events one way, REST the other. An
 * `EventSource` sends no header, so each begins with a ticket that is good once.
 *
 * @param {import("./connection.js").LinkOptions} options
 * @returns {import("./connection.js").Link}
 */
export declare function openStream({ url, token, opened, heard, closed }: import("./connection.js").LinkOptions): import("./connection.js").Link;
