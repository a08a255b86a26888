import { inject, onScopeDispose, shallowRef } from "vue";
import { Clarion } from "../client/clarion.js";

/**
 * @typedef {import("../client/clarion.js").Item} Item
 * @typedef {import("../client/clarion.js").Options} Options
 * @typedef {import("../client/clarion.js").StateChange} StateChange
 */

const KEY = /** @type {import("vue").InjectionKey<Clarion>} */ (Symbol("clarion"));

/**
 * `app.use(clarion({ token }))`: connects with the app, leaves with it; on a server it connects
 * nothing.
 *
 * @param {Options} options
 * @returns {import("vue").Plugin<[]>}
 */
export function clarion(options) {
  return {
    install(app) {
      const client = new Clarion(options);
      app.provide(KEY, client);
      if (typeof window === "undefined") return;
      app.onUnmount(() => client.disconnect());
      client.connect();
    },
  };
}

/** The client of the app. @returns {Clarion} */
export function useClarion() {
  const client = inject(KEY);
  if (!client) throw new Error("The app does not use clarion().");
  return client;
}

/** As the server counts, always up to date. @returns {import("vue").Ref<number>} */
export function useUnreadCount() {
  return useLive("change", (client) => client.unreadCount);
}

/** The newest first, archived ones among them. @returns {import("vue").Ref<Item[]>} */
export function useItems() {
  return useLive("change", (client) => client.items);
}

/** How the connection is. @returns {import("vue").Ref<StateChange>} */
export function useConnection() {
  return useLive("state", (client) => client.state);
}

/**
 * @template Value
 * @param {"change" | "state"} event
 * @param {(client: Clarion) => Value} read
 */
function useLive(event, read) {
  const client = useClarion();
  const value = shallowRef(read(client));
  onScopeDispose(client.on(event, () => (value.value = read(client))));
  return value;
}
