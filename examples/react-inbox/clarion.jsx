/** Clarion in React: one client for the tree, and components around the two elements. */

import { createContext, useCallback, useContext, useEffect, useMemo, useRef, useSyncExternalStore } from "react";
import { Clarion } from "../../web/client/clarion.js";
import "../../web/inbox/bell.js";

/**
 * @typedef {import("../../web/client/frames.js").Item} Item
 * @typedef {import("../../web/inbox/words.js").SomeWords} SomeWords
 *
 * @typedef {object} ElementProps
 * @property {SomeWords} [words]
 * @property {string} [label]
 * @property {(item: Item, event: CustomEvent<Item>) => void} [onOpen]  `event.preventDefault()` keeps
 *   the link from being followed: then your router may do it
 */

const ClientContext = createContext(/** @type {Clarion | null} */ (null));

/**
 * Connects while it is mounted. `token` is asked again whenever a new one is needed.
 *
 * @param {{url?: string, token: () => Promise<string>, children: React.ReactNode}} props
 */
export function ClarionProvider({ url, token, children }) {
  const newest = useRef(token);
  newest.current = token;
  const client = useMemo(() => new Clarion({ url, token: () => newest.current() }), [url]);
  useEffect(() => {
    client.connect();
    return () => client.disconnect();
  }, [client]);
  return <ClientContext value={client}>{children}</ClientContext>;
}

export function useClarion() {
  const client = useContext(ClientContext);
  if (!client) throw new Error("There is no ClarionProvider above.");
  return client;
}

/** As the server counts, always up to date. @returns {number} */
export function useUnreadCount() {
  const client = useClarion();
  const subscribe = useCallback((/** @type {() => void} */ told) => client.on("change", told), [client]);
  return useSyncExternalStore(subscribe, () => client.unreadCount, () => 0);
}

/** @param {ElementProps} props */
export function NotificationBell({ onOpen, ...props }) {
  return <clarion-bell client={useClarion()} {...props} onclarion-open={opened(onOpen)} />;
}

/** @param {ElementProps & {view?: "inbox" | "unread" | "snoozed" | "archived"}} props */
export function NotificationInbox({ onOpen, ...props }) {
  return <clarion-inbox client={useClarion()} {...props} onclarion-open={opened(onOpen)} />;
}

/** @param {ElementProps["onOpen"]} onOpen */
function opened(onOpen) {
  return (/** @type {CustomEvent<Item>} */ event) => onOpen?.(event.detail, event);
}
