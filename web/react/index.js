"use client";

/** Clarion in React: one client for the tree, hooks on it, and a component around each element. */

export { Clarion, ClarionError } from "../client/clarion.js";
export { NotificationBell, NotificationInbox } from "./components.js";
export { useConnection, useItems, useUnreadCount } from "./hooks.js";
export { ClarionProvider, useClarion } from "./provider.js";

/**
 * @typedef {import("../client/clarion.js").Item} Item
 * @typedef {import("../client/clarion.js").StateChange} StateChange
 * @typedef {import("./components.js").BellProps} BellProps
 * @typedef {import("./components.js").InboxProps} InboxProps
 * @typedef {import("./provider.js").ProviderProps} ProviderProps
 * @typedef {import("./elements.js").ClarionElements} ClarionElements
 */
