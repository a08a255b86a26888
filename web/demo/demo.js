/** The demo page: who may call the API, and which part tells which. */

import { Api, ApiError } from "./api.js";
import { Captures } from "./captures.js";
import { openComposer } from "./composer.js";
import { Journey } from "./journey.js";
import { connectPeople } from "./people.js";

const STORED_KEY = "clarion.api_key";

const page = /** @type {HTMLElement} */ (document.querySelector("#demo"));
const keyForm = /** @type {HTMLFormElement} */ (document.querySelector("#key-form"));
const keyField = /** @type {HTMLInputElement} */ (document.querySelector("#api-key"));
const keyError = /** @type {HTMLElement} */ (document.querySelector("#key-error"));

await start();

async function start() {
  const given = await givenKey();
  const stored = sessionStorage.getItem(STORED_KEY);
  if (given) await open(given, true);
  else if (stored) await open(stored, false);
  else ask("");
}

/** On the developer's own machine the server gives a key, a new one at each of its starts. */
async function givenKey() {
  try {
    const answer = await fetch("/demo/config.json");
    return answer.ok ? /** @type {{api_key: string}} */ (await answer.json()).api_key : null;
  } catch {
    return null;
  }
}

/**
 * @param {string} key
 * @param {boolean} keyIsShown  it is nobody's secret: it works on this machine only
 */
async function open(key, keyIsShown) {
  const api = new Api(key, keyIsShown ? givenKey : async () => null);
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
    ready: (newest) => journey.begin(newest?.event_id),
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
