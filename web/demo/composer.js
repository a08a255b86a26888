import { ApiError } from "./api.js";
import { PEOPLE } from "./people.js";

/**
 * @typedef {Record<string, unknown>} Event
 * @typedef {{api: import("./api.js").Api, keyIsShown: boolean, sent: (id: string) => void}} ComposerOptions
 */

const BURST = 10;

/** @type {Record<string, Record<string, string>>} */
const EXAMPLES = {
  shipped: {
    type: "order.shipped",
    title: "Your order 4711 is on its way",
    body: "It left our warehouse this morning and should be with you on Thursday.",
    url: "https://shop.example/orders/4711",
  },
  payment: {
    type: "payment.failed",
    title: "We could not charge your card",
    body: "Your bank declined the payment of 42.00 EUR. Please check the card.",
    url: "https://shop.example/billing",
  },
  deploy: {
    type: "deploy.finished",
    title: "checkout-api 2.8.1 is live",
    body: "Rolled out to 12 of 12 instances in 3 min 40 s. No alarms.",
    url: "https://ci.example/runs/981",
  },
};

const form = /** @type {HTMLFormElement} */ (document.querySelector("#event-form"));
const answer = /** @type {HTMLElement} */ (document.querySelector("#answer"));
const again = /** @type {HTMLButtonElement} */ (document.querySelector("#again"));
const curl = /** @type {HTMLElement} */ (document.querySelector("#curl"));
const copy = /** @type {HTMLButtonElement} */ (document.querySelector("#copy"));

/** @param {ComposerOptions} options */
export function openComposer(options) {
  /** @type {Event | null} */
  let last = null;
  fill("shipped");
  showCurl(options);
  form.addEventListener("input", () => showCurl(options));
  form.addEventListener("submit", async (submit) => {
    submit.preventDefault();
    const many = /** @type {HTMLButtonElement | null} */ (submit.submitter)?.value === "10";
    last = await send(options, many ? burst() : [withId(eventFromForm())]);
    again.disabled = last === null;
  });
  again.addEventListener("click", () => last && send(options, [last]));
  copy.addEventListener("click", () => copyCurl());
  for (const button of document.querySelectorAll("[data-example]")) {
    button.addEventListener("click", () => {
      fill(/** @type {HTMLElement} */ (button).dataset["example"] ?? "");
      showCurl(options);
    });
  }
}

/** @param {string} example */
function fill(example) {
  for (const [name, value] of Object.entries(EXAMPLES[example] ?? {})) {
    const field = form.elements.namedItem(name);
    if (field instanceof HTMLInputElement || field instanceof HTMLTextAreaElement) {
      field.value = value;
    }
  }
}

/** The event as the form says it. @returns {Event} */
function eventFromForm() {
  const data = new FormData(form);
  const text = (/** @type {string} */ name) => String(data.get(name) ?? "").trim();
  const channels = data.getAll("channels");
  const chosen = PEOPLE.filter((one) => text("to") === "both" || text("to") === one.id);
  const outside = channels.includes("email") || channels.includes("sms");
  const to = chosen.map(({ id, email, phone }) => (outside ? { id, email, phone } : `user:${id}`));
  /** @type {Record<string, string>} */
  const content = { title: text("title") };
  if (text("body")) content["body"] = text("body");
  if (text("url")) content["url"] = text("url");
  /** @type {Event} */
  const event = { type: text("type"), to: to.length === 1 ? to[0] : to, content };
  if (channels.length) event["channels"] = channels;
  if (data.has("urgent")) event["lane"] = "urgent";
  return event;
}

/** With an id of ours, the very same event can be sent again. @param {Event} event @returns {Event} */
function withId(event) {
  const random = crypto.getRandomValues(new Uint8Array(9));
  const id = Array.from(random, (byte) => byte.toString(36).padStart(2, "0")).join("");
  return { ...event, id: `demo-${id}` };
}

function burst() {
  const event = eventFromForm();
  const content = /** @type {Record<string, string>} */ (event["content"]);
  return Array.from({ length: BURST }, (_, n) =>
    withId({ ...event, content: { ...content, title: `${content["title"]} (${n + 1})` } }),
  );
}

/**
 * @param {ComposerOptions} options
 * @param {Event[]} events
 * @returns {Promise<Event | null>}  the last one, if it was accepted
 */
async function send(options, events) {
  const last = events[events.length - 1] ?? null;
  try {
    const started = performance.now();
    const { accepted, ids } = await options.api.send(events.length === 1 ? events[0] : events);
    const ms = Math.round(performance.now() - started);
    const id = ids[ids.length - 1] ?? "";
    const what = accepted === 1 ? `event ${id}` : `${accepted} events, the last ${id}`;
    showAnswer(`202 Accepted in ${ms} ms: ${what}`, "accepted");
    options.sent(id);
    return last;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    showAnswer(error.status ? `${error.status}: ${error.message}` : error.message, "failed");
    return null;
  }
}

/**
 * @param {string} sentence
 * @param {"accepted" | "failed"} outcome
 */
function showAnswer(sentence, outcome) {
  answer.textContent = sentence;
  answer.dataset["outcome"] = outcome;
}

/** @param {ComposerOptions} options */
function showCurl({ api, keyIsShown }) {
  const key = keyIsShown ? api.key : "$CLARION_API_KEY";
  const body = JSON.stringify(eventFromForm(), null, 2).replaceAll("'", "'\\''");
  curl.textContent = [
    `curl -sS ${location.origin}/v1/events \\`,
    `  -H "Authorization: Bearer ${key}" \\`,
    `  -H "Content-Type: application/json" \\`,
    `  -d '${body}'`,
  ].join("\n");
}

async function copyCurl() {
  try {
    await navigator.clipboard.writeText(curl.textContent ?? "");
    copy.textContent = "Copied";
  } catch {
    getSelection()?.selectAllChildren(curl);
    copy.textContent = "Selected";
  }
  setTimeout(() => (copy.textContent = "Copy"), 2_000);
}
