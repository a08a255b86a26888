"use client";

import { useCallback, useMemo, useSyncExternalStore } from "react";
import { useClarion } from "./provider.js";

/**
 * @typedef {import("../client/clarion.js").Clarion} Clarion
 * @typedef {import("../client/clarion.js").Item} Item
 * @typedef {import("../client/clarion.js").StateChange} StateChange
 */

/** @type {Item[]} */
const NONE = [];
/** @type {StateChange} */
const IDLE = { state: "idle" };

/** As the server counts, always up to date; 0 on a server. @returns {number} */
export function useUnreadCount() {
  return useLive("change", (client) => client.unreadCount, 0);
}

/** The newest first, archived ones among them; the same array until something changes. @returns {Item[]} */
export function useItems() {
  return useLive("change", (client) => client.items, NONE);
}

/** How the connection is. @returns {StateChange} */
export function useConnection() {
  return useLive("state", (client) => client.state, IDLE);
}

/**
 * What the client says, taken anew with each event of this name: React asks oftener and must see
 * the same until then.
 *
 * @template Value
 * @param {"change" | "state"} event
 * @param {(client: Clarion) => Value} read
 * @param {Value} onServer
 * @returns {Value}
 */
function useLive(event, read, onServer) {
  const client = useClarion();
  const taken = useMemo(() => ({ value: read(client) }), [client]);
  const subscribe = useCallback(
    (/** @type {() => void} */ onChange) => {
      const take = () => {
        taken.value = read(client);
        onChange();
      };
      take(); // something may have happened since the first render
      return client.on(event, take);
    },
    [client, taken, event],
  );
  return useSyncExternalStore(
    subscribe,
    () => taken.value,
    () => onServer,
  );
}
