/**
 * The usual link: a WebSocket.
 *
 * @param {import("./connection.js").LinkOptions} options
 * @returns {import("./connection.js").Link}
 */
export declare function openSocket({ url, opened, heard, closed }: import("./connection.js").LinkOptions): import("./connection.js").Link;
