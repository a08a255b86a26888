/** The demo page: who may call the API, and which part tells which. */

import { Api, ApiError } from "./api.js";
import { Captures } from "./captures.js";
import { openComposer } from "./composer.js";
import { Journey } from "./journey.js";
import { connectPeople } from "./people.js";

const STORED_KEY = "clarion.api_key";
const LINK_KEY = "clarion.link_key";

const page = /** @type {HTMLElement} */ (document.querySelector("#demo"));
const keyForm = /** @type {HTMLFormElement} */ (document.querySelector("#key-form"));
const keyField = /** @type {HTMLInputElement} */ (document.querySelector("#api-key"));
const keyError = /** @type {HTMLElement} */ (document.querySelector("#key-error"));

await start();

async function start() {
  addEventListener("hashchange", () => keyOfAddress() && location.reload());
  const linked = keyOfAddress() ?? sessionStorage.getItem(LINK_KEY);
  const stored = sessionStorage.getItem(STORED_KEY);
  if (linked) await open(linked, true);
  else if (stored) await open(stored, false);
  else ask("");
}

/**
 * The link that `clarion dev` prints has the key in its fragment, which no browser sends to a
 * server. It is kept in this tab and taken out of the address, so that no history or shared
 * link holds it.
 */
function keyOfAddress() {
  const key = new URLSearchParams(location.hash.slice(1)).get("key");
  if (!key) return null;
  sessionStorage.setItem(LINK_KEY, key);
  history.replaceState(null, "", location.pathname + location.search);
  return key;
}

/**
 * @param {string} key
 * @param {boolean} keyIsShown  the link's: it can do what this page does, and ends with the server
 */
async function open(key, keyIsShown) {
  const api = new Api(key);
  const captures = new Captures(api);
  const journey = new Journey(api);
  try {
    await captures.refresh();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return ask(error.message);
  }
  keyForm.hidden = true;
  page.hidden = false;
  openComposer({
    api,
    keyIsShown,
    sent: (id) => {
      journey.follow(id);
      captures.expect();
    },
  });
  connectPeople(api, {
    ready: (newest) => journey.followFirst(newest?.event_id),
    arrived: (item) => {
      journey.follow(item.event_id);
      captures.expect();
    },
    changed: () => journey.refresh(),
  });
}

/** @param {string} complaint */
function ask(complaint) {
  sessionStorage.removeItem(STORED_KEY);
  sessionStorage.removeItem(LINK_KEY);
  keyForm.hidden = false;
  keyError.textContent = complaint;
  keyField.focus();
  keyForm.addEventListener(
    "submit",
    (submit) => {
      submit.preventDefault();
      sessionStorage.setItem(STORED_KEY, keyField.value.trim());
      void open(keyField.value.trim(), false);
    },
    { once: true },
  );
}
