import { element } from "../inbox/element.js";
import { relativeTime } from "../inbox/times.js";
import { ApiError } from "./api.js";
import { nameOf } from "./people.js";

/** @typedef {import("./api.js").Capture} Capture */

const KEPT = 50;
const REFRESH_MS = [150, 500, 1_200, 3_000];

const places = {
  email: { list: requireElement("#emails"), count: requireElement("#email-count"), card: emailCard },
  sms: { list: requireElement("#texts"), count: requireElement("#sms-count"), card: smsCard },
};

/** What email and SMS would have gone out, the newest first. */
export class Captures {
  /** @type {Set<string>} */
  #known = new Set();
  /** @type {ReturnType<typeof setTimeout>[]} */
  #timers = [];

  /** @param {import("./api.js").Api} api */
  constructor(api) {
    this.api = api;
  }

  /** Something was sent: look now and for a while. */
  expect() {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers = REFRESH_MS.map((ms) => setTimeout(() => void this.#refreshQuietly(), ms));
  }

  async #refreshQuietly() {
    try {
      await this.refresh();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error; // an answer comes with the next look
    }
  }

  async refresh() {
    const { items } = await this.api.captures();
    for (const one of items.toReversed()) {
      if (this.#known.has(one.id) || !(one.channel === "email" || one.channel === "sms")) continue;
      this.#known.add(one.id);
      const { list, count, card } = places[one.channel];
      list.querySelector(".nothing")?.remove();
      list.prepend(card(one));
      if (list.childElementCount > KEPT) list.lastElementChild?.remove();
      count.textContent = String(list.childElementCount);
    }
  }
}

/** @param {Capture} capture */
function emailCard({ subscriber, recipient, message, captured_at: at }) {
  return element(
    "article",
    { class: "envelope" },
    element(
      "header",
      {},
      element("h4", { dir: "auto" }, message.subject ?? ""),
      timeElement(at),
      element("p", {}, "To ", element("b", {}, nameOf(subscriber ?? "")), ` <${recipient}>`),
    ),
    element("p", { class: "text", dir: "auto" }, (message.text ?? "").trim()),
  );
}

/** @param {Capture} capture */
function smsCard({ subscriber, recipient, message, captured_at: at }) {
  return element(
    "article",
    { class: "bubble" },
    element("p", { class: "text", dir: "auto" }, message.body ?? ""),
    element("p", { class: "to" }, `${nameOf(subscriber ?? "")} · ${recipient} · `, timeElement(at)),
  );
}

/** @param {string} at */
function timeElement(at) {
  const when = new Date(at);
  const time = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" }).format(when);
  return element("time", { datetime: at, title: relativeTime(when, new Date(), "en") }, time);
}

/** @param {string} selector */
function requireElement(selector) {
  return /** @type {HTMLElement} */ (document.querySelector(selector));
}
