/** Clarion in Vue: a plugin with one client for the app, and components around the two elements. */

import { defineComponent, h, inject, onScopeDispose, readonly, ref } from "vue";
import { Clarion } from "../../web/client/clarion.js";
import "../../web/inbox/bell.js";

/**
 * @typedef {import("../../web/client/clarion.js").Options} Options
 * @typedef {import("vue").InjectionKey<Clarion>} Key
 */

const KEY = /** @type {Key} */ (Symbol("clarion"));

/**
 * `app.use(clarion({ token }))`: connects with the app, leaves with it.
 *
 * @param {Options} options
 * @returns {import("vue").Plugin}
 */
export function clarion(options) {
  return {
    install(app) {
      const client = new Clarion(options);
      app.provide(KEY, client);
      app.onUnmount(() => client.disconnect());
      client.connect();
    },
  };
}

export function useClarion() {
  const client = inject(KEY);
  if (!client) throw new Error("The app does not use clarion().");
  return client;
}

/** As the server counts, always up to date. */
export function useUnreadCount() {
  const client = useClarion();
  const count = ref(client.unreadCount);
  onScopeDispose(client.on("change", () => (count.value = client.unreadCount)));
  return readonly(count);
}

export const NotificationBell = around("clarion-bell");
export const NotificationInbox = around("clarion-inbox");

/**
 * Attributes and properties go through. `open` gives the item and the event, whose
 * `preventDefault()` keeps the link from being followed: then your router may do it.
 *
 * @param {"clarion-bell" | "clarion-inbox"} tag
 */
function around(tag) {
  return defineComponent({
    name: tag,
    emits: ["open"],
    setup(_props, { emit }) {
      const client = useClarion();
      return () =>
        h(tag, {
          ".client": client,
          "onClarion-open": (/** @type {CustomEvent} */ event) => emit("open", event.detail, event),
        });
    },
  });
}
