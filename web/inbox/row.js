import { element, icon } from "./element.js";
import { safeLink } from "./links.js";
import { fullTime, relativeTime } from "./times.js";

/**
 * @typedef {import("../client/frames.js").Item} Item
 * @typedef {{words: import("./words.js").Words, locale: string}} Manner
 */

const CHECK = "M5 12.5l4.5 4.5L19 7.5";
const DOT = "M12 8a4 4 0 1 0 0 8a4 4 0 1 0 0-8";
const BOX = "M4 5h16v4H4zM6 9v10h12V9M10 13h4";

let lastNumber = 0;

/** One item of the list: an article that takes the focus, with its actions inside. */
export class Row {
  #number = ++lastNumber;
  #title = element("span", { class: "title", part: "title", dir: "auto" });
  #body = element("span", { dir: "auto" });
  #paragraph = element("p", { class: "body", part: "body" }, this.#body);
  #time = element("time", { class: "time", part: "time" });
  #kind = element("span", { class: "kind", dir: "auto" });
  #urgent = element("span", { class: "urgent", part: "urgent" });
  #hint = element("span", { class: "spoken" });
  #link = element("a", { class: "open", part: "link", rel: "noopener noreferrer" });
  #toggle = element("button", { class: "action", type: "button", "data-act": "toggle" });
  #archive = element("button", { class: "action", type: "button", "data-act": "archive" });
  /** @type {Item} */
  #item;

  /**
   * @param {Item} item
   * @param {Manner} manner
   */
  constructor(item, manner) {
    this.#item = item;
    this.#paragraph.id = `body-${this.#number}`;
    this.article = element(
      "article",
      { class: "item", part: "item", tabindex: "-1", "data-id": item.id },
      element("span", { class: "mark", "aria-hidden": "true" }),
      element(
        "div",
        { class: "text" },
        element("h4", { class: "line", id: `line-${this.#number}` }, this.#hint, this.#title),
        this.#paragraph,
      ),
      element(
        "p",
        { class: "about", id: `about-${this.#number}` },
        this.#urgent,
        this.#time,
        this.#kind,
        this.#link,
      ),
      element("div", { class: "actions" }, this.#toggle, this.#archive),
    );
    this.article.setAttribute("aria-labelledby", `line-${this.#number}`);
    this.article.setAttribute("aria-describedby", `${this.#paragraph.id} about-${this.#number}`);
    this.article.setAttribute("aria-keyshortcuts", "Enter u e");
    this.element = element("li", {}, this.article);
    this.update(item, manner);
  }

  get item() {
    return this.#item;
  }

  get link() {
    return this.#link.hidden ? null : this.#link;
  }

  /**
   * @param {Item} item
   * @param {Manner} manner
   */
  update(item, manner) {
    this.#item = item;
    const { words } = manner;
    this.article.toggleAttribute("data-unread", !item.read_at);
    this.#hint.textContent = item.read_at ? "" : `${words.unreadItem} `;
    this.#title.textContent = item.title;
    this.#body.textContent = item.body ?? "";
    this.#paragraph.hidden = !item.body;
    this.#kind.textContent = item.category ?? item.type;
    this.#urgent.textContent = words.urgent;
    this.#urgent.hidden = item.lane !== "urgent";
    this.#showLink(words);
    label(this.#toggle, item.read_at ? words.markUnread : words.markRead, item.read_at ? DOT : CHECK);
    label(this.#archive, words.archive, BOX);
    this.tick(new Date(), manner);
  }

  /**
   * Brings the time up to date.
   *
   * @param {Date} now
   * @param {Manner} manner
   */
  tick(now, { locale }) {
    const when = new Date(this.#item.created_at);
    const text = relativeTime(when, now, locale);
    if (this.#time.textContent === text) return;
    this.#time.textContent = text;
    this.#time.dateTime = this.#item.created_at;
    this.#time.title = fullTime(when, locale);
  }

  /** Whether Tab comes here: only one row of the list says yes. @param {boolean} yes */
  set current(yes) {
    for (const part of [this.article, this.#link, this.#toggle, this.#archive]) {
      part.tabIndex = yes ? 0 : -1;
    }
  }

  /** @param {import("./words.js").Words} words */
  #showLink(words) {
    const link = safeLink(this.#item.url);
    this.#link.hidden = !link;
    this.#link.textContent = words.open;
    this.#link.setAttribute("aria-label", `${words.open}: ${this.#item.title}`);
    if (!link) return this.#link.removeAttribute("href");
    this.#link.href = link.href;
    this.#link.target = link.elsewhere ? "_blank" : "";
  }
}

/**
 * @param {HTMLButtonElement} button
 * @param {string} text
 * @param {string} path
 */
function label(button, text, path) {
  if (button.title === text) return;
  button.title = text;
  button.setAttribute("aria-label", text);
  button.replaceChildren(icon(path));
}
