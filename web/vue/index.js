/** Clarion in Vue: a plugin with one client, composables on it, and a component around each element. */

export { Clarion, ClarionError } from "../client/clarion.js";
export { NotificationBell, NotificationInbox } from "./components.js";
export { clarion, useClarion, useConnection, useItems, useUnreadCount } from "./plugin.js";

/**
 * @typedef {import("../client/clarion.js").Item} Item
 * @typedef {import("../client/clarion.js").StateChange} StateChange
 * @typedef {import("./elements.js").ClarionTags} ClarionTags
 */
