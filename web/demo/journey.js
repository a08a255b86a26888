import { element } from "../inbox/element.js";
import { ApiError } from "./api.js";
import { nameOf } from "./people.js";
import { stopsOf } from "./steps.js";

/**
 * @typedef {import("./api.js").Story} Story
 * @typedef {import("./steps.js").Stop} Stop
 */

const POLLS_MS = [250, 250, 250, 500, 1_000, 2_000, 4_000, 8_000];

const place = /** @type {HTMLElement} */ (document.querySelector("#journey"));
const caption = /** @type {HTMLElement} */ (document.querySelector("#journey-event"));

/** The last event, followed from its acceptance to whoever was told. */
export class Journey {
  /** @type {string | null} */
  #event = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {import("./api.js").Api} api */
  constructor(api) {
    this.api = api;
  }

  /** Follow this one unless another is followed. @param {string | undefined} event */
  begin(event) {
    if (event && !this.#event) this.follow(event);
  }

  /** @param {string} event  its id */
  follow(event) {
    if (event === this.#event) return this.refresh();
    this.#event = event;
    caption.textContent = event;
    this.#poll(0);
  }

  /** Something may have happened to it: read, archived. */
  refresh() {
    if (this.#event) this.#poll(0);
  }

  /** @param {number} n  polls that were */
  #poll(n) {
    clearTimeout(this.#timer);
    const wait = POLLS_MS[n];
    if (wait === undefined) return;
    this.#timer = setTimeout(async () => {
      await this.#look();
      this.#poll(n + 1);
    }, wait);
  }

  async #look() {
    const event = this.#event;
    if (!event) return;
    try {
      const { recipients } = await this.api.event(event);
      const ids = recipients.map((one) => one.notification_id).filter((id) => id !== null);
      const stories = await Promise.all(ids.map((id) => this.api.notification(id)));
      if (event === this.#event) this.#show(stories);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status !== 404) tell(error.message); // 404: accepted, not planned yet
    }
  }

  /** @param {Story[]} stories */
  #show(stories) {
    if (stories.length === 0) return tell("Nobody was told: the event names no one.");
    place.replaceChildren(...stories.map(path));
  }
}

/** @param {string} sentence */
function tell(sentence) {
  place.replaceChildren(element("p", { class: "nothing" }, sentence));
}

/** @param {Story} story */
function path(story) {
  const stops = stopsOf(story);
  const start = stops[0]?.at ?? 0;
  return element(
    "div",
    { class: "path" },
    element("h3", {}, nameOf(story.subscriber)),
    element("ol", {}, ...stops.map((one) => line(one, start))),
  );
}

/**
 * @param {Stop} stop
 * @param {number} start
 */
function line({ at, title, detail, tone }, start) {
  return element(
    "li",
    { "data-tone": tone },
    element("span", { class: "what" }, title),
    element("time", { datetime: new Date(at).toISOString() }, after(at - start)),
    element("span", { class: "detail" }, detail),
  );
}

/** @param {number} ms */
function after(ms) {
  if (ms <= 0) return "0 ms";
  return ms < 1_000 ? `+${Math.round(ms)} ms` : `+${(ms / 1_000).toFixed(1)} s`;
}
