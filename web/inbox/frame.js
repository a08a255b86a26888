import { element } from "./element.js";

/**
 * @typedef {import("./words.js").Words} Words
 *
 * @typedef {object} Look  All that the frame depends on.
 * @property {Words} words
 * @property {string} label
 * @property {import("../client/connection.js").StateChange} connection
 * @property {boolean} known  whether the feed was complete once
 * @property {number} shown  items in the list
 * @property {number} unread
 * @property {boolean} more  there are older ones
 * @property {string} failure  a sentence, or nothing
 *
 * @typedef {{readAll: () => void, older: () => void}} FrameActions
 */

const AWAY = ["waiting", "offline", "closed", "refused"];

/** What stands around the list: heading, badge, connection, notices, and what is said aloud. */
export class Frame {
  #heading = element("h2", { class: "heading" });
  #count = element("span", { "aria-hidden": "true" });
  #spokenCount = element("span", { class: "spoken" });
  #badge = element("span", { class: "badge", part: "badge" }, this.#count, this.#spokenCount);
  #status = element("span", { class: "status", part: "status", role: "status" });
  #allRead = element("button", { class: "all-read", part: "all-read", type: "button" });
  #notice = element("p", { class: "notice", part: "notice" });
  #loading = element("div", { class: "loading", part: "loading", role: "status" });
  #emptyTitle = element("p", { class: "empty-title" });
  #emptyText = element("p", { class: "empty-text" });
  #empty = element("div", { class: "empty", part: "empty" }, this.#emptyTitle, this.#emptyText);
  #older = element("button", { class: "older", part: "older", type: "button" });
  #spoken = element("p", { class: "spoken", "aria-live": "polite" });

  /**
   * @param {HTMLElement} list
   * @param {FrameActions} actions
   */
  constructor(list, actions) {
    this.element = element("section", { class: "inbox" });
    this.list = list;
    const heading = element("slot", { name: "heading" }, this.#heading);
    const tools = element("slot", { name: "actions" });
    this.element.append(
      element(
        "header",
        { part: "header" },
        element("div", { class: "name" }, heading, this.#badge, this.#status),
        element("div", { class: "tools" }, tools, this.#allRead),
      ),
      this.#notice,
      element(
        "div",
        { class: "scroll", part: "scroll" },
        this.#loading,
        this.#empty,
        list,
        this.#older,
      ),
      this.#spoken,
    );
    this.#allRead.addEventListener("click", actions.readAll);
    this.#older.addEventListener("click", actions.older);
  }

  /** Said aloud by a screen reader when it has the time. @param {string} sentence */
  say(sentence) {
    write(this.#spoken, sentence);
  }

  /** @param {Look} look */
  show(look) {
    this.#showConnection(look);
    this.#showCount(look);
    this.list.hidden = look.shown === 0;
    this.#older.hidden = !look.more;
    write(this.#older, look.words.older);
    write(this.#emptyTitle, look.words.emptyTitle);
    write(this.#emptyText, look.words.empty);
    this.element.setAttribute("aria-label", look.label);
  }

  /** @param {Look} look */
  #showConnection({ words, connection: { state, detail }, known, shown, failure }) {
    const away = AWAY.includes(state);
    const word = known && state === "connecting" ? "waiting" : state;
    this.#status.dataset["state"] = word;
    write(this.#status, words.states[word]);
    const reason = (state === "refused" && detail) || words.away;
    this.#notice.hidden = !away && !failure;
    write(this.#notice, failure || (away ? reason : ""));
    this.#loading.hidden = known || away;
    this.#loading.setAttribute("aria-label", words.loading);
    this.#empty.hidden = !known || shown > 0;
  }

  /** @param {Look} look */
  #showCount({ words, unread }) {
    write(this.#heading, words.heading);
    write(this.#count, unread > 99 ? "99+" : String(unread));
    write(this.#spokenCount, words.unread(unread));
    this.#badge.toggleAttribute("data-none", unread === 0);
    write(this.#allRead, words.allRead);
    this.#allRead.disabled = unread === 0;
  }
}

/**
 * @param {HTMLElement} where
 * @param {string} text
 */
function write(where, text) {
  if (where.textContent !== text) where.textContent = text;
}
