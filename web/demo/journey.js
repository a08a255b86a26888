import { element } from "../inbox/element.js";
import { ApiError } from "./api.js";
import { nameOf } from "./people.js";
import { timelineEntries } from "./timeline.js";

/**
 * @typedef {import("./api.js").Story} Story
 * @typedef {import("./timeline.js").TimelineEntry} TimelineEntry
 */

const POLLS_MS = [250, 250, 250, 500, 1_000, 2_000, 4_000, 8_000];

const timeline = /** @type {HTMLElement} */ (document.querySelector("#journey"));
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
  followFirst(event) {
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
      await this.#refreshStories();
      this.#poll(n + 1);
    }, wait);
  }

  async #refreshStories() {
    const event = this.#event;
    if (!event) return;
    try {
      const { recipients } = await this.api.event(event);
      const ids = recipients.map((one) => one.notification_id).filter((id) => id !== null);
      const stories = await Promise.all(ids.map((id) => this.api.notification(id)));
      if (event === this.#event) this.#show(stories);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status !== 404) showMessage(error.message); // 404: accepted, not planned yet
    }
  }

  /** @param {Story[]} stories */
  #show(stories) {
    if (stories.length === 0) return showMessage("Nobody was told: the event names no one.");
    timeline.replaceChildren(...stories.map(recipientPath));
  }
}

/** @param {string} sentence */
function showMessage(sentence) {
  timeline.replaceChildren(element("p", { class: "nothing" }, sentence));
}

/** @param {Story} story */
function recipientPath(story) {
  const entries = timelineEntries(story);
  const start = entries[0]?.at ?? 0;
  return element(
    "div",
    { class: "path" },
    element("h3", {}, nameOf(story.subscriber)),
    element("ol", {}, ...entries.map((one) => line(one, start))),
  );
}

/**
 * @param {TimelineEntry} stop
 * @param {number} start
 */
function line({ at, title, detail, tone }, start) {
  return element(
    "li",
    { "data-tone": tone },
    element("span", { class: "what" }, title),
    element("time", { datetime: new Date(at).toISOString() }, elapsed(at - start)),
    element("span", { class: "detail" }, detail),
  );
}

/** @param {number} ms */
function elapsed(ms) {
  if (ms <= 0) return "0 ms";
  return ms < 1_000 ? `+${Math.round(ms)} ms` : `+${(ms / 1_000).toFixed(1)} s`;
}
