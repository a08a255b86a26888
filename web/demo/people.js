import { Clarion } from "../client/clarion.js";
import "../inbox/bell.js";

/**
 * @typedef {import("./api.js").Api} Api
 * @typedef {import("../client/clarion.js").Item} Item
 * @typedef {import("../inbox/inbox.js").ClarionInbox} ClarionInbox
 */

/** Who the demo knows. The numbers are from the range kept for fiction. */
export const PEOPLE = [
  { id: "ada", name: "Ada", email: "ada@example.com", phone: "+12025550143" },
  { id: "grace", name: "Grace", email: "grace@example.com", phone: "+12025550187" },
];

/** @param {string} id */
export function nameOf(id) {
  return PEOPLE.find((person) => person.id === id)?.name ?? id;
}

/**
 * Gives each person's inbox a live connection of its own.
 *
 * @param {Api} api
 * @param {{ready: (newest: Item | undefined) => void, arrived: (item: Item) => void,
 *   changed: () => void}} callbacks
 */
export function connectPeople(api, callbacks) {
  for (const person of PEOPLE) {
    const client = new Clarion({ token: async () => (await api.token(person.id)).token });
    const inbox = /** @type {ClarionInbox} */ (document.querySelector(`#${person.id} clarion-inbox`));
    const line = /** @type {HTMLButtonElement} */ (document.querySelector(`#${person.id} .line`));
    inbox.client = client;
    if (person.id === "ada") attachBell(client);
    line.addEventListener("click", () => {
      if (isOff(client)) client.connect();
      else client.disconnect();
    });
    client.on("state", () => {
      if (client.state.state === "live") callbacks.ready(client.items[0]);
      line.textContent = `${isOff(client) ? "Reconnect" : "Disconnect"} ${person.name}`;
    });
    client.on("notification", ({ item }) => callbacks.arrived(item));
    client.on("change", callbacks.changed);
    client.connect();
  }
}

/** The page is Ada's as far as its head goes. @param {Clarion} client */
function attachBell(client) {
  const bell = /** @type {import("../inbox/bell.js").ClarionBell} */ (document.querySelector("clarion-bell"));
  bell.client = client;
  bell.classList.add("hung");
}

/** @param {Clarion} client */
function isOff(client) {
  return ["idle", "closed", "refused"].includes(client.state.state);
}
