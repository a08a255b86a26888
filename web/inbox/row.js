import { element, icon, write } from "./element.js";
import { BOX, CHECK, CLOCK, DOT } from "./icons.js";
import { actionsOf, safeLink } from "./links.js";
import { fullTime, relativeTime, shortTime } from "./times.js";
import { filled } from "./words.js";

/**
 * @typedef {import("../client/frames.js").Item} Item
 * @typedef {import("./links.js").Action} Action
 * @typedef {{words: import("./words.js").Words, locale: string}} Manner
 */

const HUES = 6;
let lastNumber = 0;

/** One item of the list: an article that takes the focus, with its links and actions inside. */
export class Row {
  #number = ++lastNumber;
  #avatar = element("span", { class: "avatar", part: "avatar", "aria-hidden": "true" });
  #hint = element("span", { class: "spoken" });
  #title = element("span", { class: "title", part: "title", dir: "auto" });
  #body = element("span", { dir: "auto" });
  #paragraph = element("p", { class: "body", part: "body", id: `body-${this.#number}` }, this.#body);
  #links = element("div", { class: "links" });
  #time = element("time", { class: "time", part: "time", id: `time-${this.#number}` });
  #kind = element("span", { class: "kind", dir: "auto" });
  #urgent = element("span", { class: "urgent", part: "urgent" });
  #snoozed = element("span", { class: "snoozed" });
  #link = element("a", { class: "open", part: "link", rel: "noopener noreferrer" });
  #toggle = element("button", { class: "action", type: "button", "data-act": "toggle" });
  #snooze = element("button", {
    class: "action",
    type: "button",
    "data-act": "snooze",
    "aria-haspopup": "menu",
    "aria-expanded": "false",
  });
  #archive = element("button", { class: "action", type: "button", "data-act": "archive" });
  /** @type {Item} */
  #item;
  #current = false;

  /**
   * @param {Item} item
   * @param {Manner} manner
   */
  constructor(item, manner) {
    this.#item = item;
    const about = element("p", { class: "about", id: `about-${this.#number}` });
    about.append(this.#urgent, this.#snoozed, this.#kind, this.#link);
    this.article = element(
      "article",
      { class: "item", part: "item", tabindex: "-1", "data-id": item.id },
      element("span", { class: "mark", "aria-hidden": "true" }),
      this.#avatar,
      element("h4", { class: "line", id: `line-${this.#number}` }, this.#hint, this.#title),
      this.#time,
      element("div", { class: "rest" }, this.#paragraph, this.#links, about),
      element("div", { class: "actions" }, this.#toggle, this.#snooze, this.#archive),
    );
    this.article.setAttribute("aria-labelledby", `line-${this.#number}`);
    this.article.setAttribute("aria-describedby", `${this.#paragraph.id} ${about.id} ${this.#time.id}`);
    this.article.setAttribute("aria-keyshortcuts", "Enter u s e");
    this.element = element("li", {}, this.article);
    this.update(item, manner);
  }

  get item() {
    return this.#item;
  }

  get link() {
    return this.#link.hidden ? null : this.#link;
  }

  get snoozeButton() {
    return this.#snooze;
  }

  /**
   * @param {Item} item
   * @param {Manner} manner
   */
  update(item, manner) {
    this.#item = item;
    const { words } = manner;
    this.article.toggleAttribute("data-unread", !item.read_at);
    write(this.#hint, item.read_at ? "" : `${words.unreadItem} `);
    write(this.#title, item.title);
    write(this.#body, item.body ?? "");
    this.#paragraph.hidden = !item.body;
    this.#showKind(item.category ?? item.type);
    write(this.#urgent, words.urgent);
    this.#urgent.hidden = item.lane !== "urgent";
    this.#showSnoozed(manner);
    this.#showLinks(words);
    label(this.#toggle, item.read_at ? words.markUnread : words.markRead, item.read_at ? DOT : CHECK);
    label(this.#snooze, words.snooze, CLOCK);
    label(this.#archive, words.archive, BOX);
    this.#snooze.hidden = this.#archive.hidden = !!item.archived_at;
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

  /**
   * Where it stands among all, those too that are not there; nothing where all are.
   *
   * @param {number} place
   * @param {number} count
   */
  tell(place, count) {
    this.article.ariaPosInSet = count ? String(place + 1) : null;
    this.article.ariaSetSize = count ? String(count) : null;
  }

  /** Whether Tab comes here: only one row of the list says yes. @param {boolean} yes */
  set current(yes) {
    this.#current = yes;
    this.article.tabIndex = yes ? 0 : -1;
    for (const part of this.article.querySelectorAll("a, button")) {
      if (part instanceof HTMLElement) part.tabIndex = yes ? 0 : -1;
    }
  }

  /** @param {string} kind */
  #showKind(kind) {
    write(this.#kind, kind);
    write(this.#avatar, [...kind][0]?.toLocaleUpperCase() ?? "");
    const sum = [...kind].reduce((hash, sign) => (hash * 31 + (sign.codePointAt(0) ?? 0)) % 9973, 7);
    this.#avatar.dataset["hue"] = String(sum % HUES);
  }

  /** @param {Manner} manner */
  #showSnoozed({ words, locale }) {
    const until = this.#item.snoozed_until;
    this.#snoozed.hidden = !until;
    const time = until ? shortTime(new Date(until), locale) : "";
    write(this.#snoozed, filled(words.snoozedUntil, { time }, locale));
  }

  /** @param {import("./words.js").Words} words */
  #showLinks(words) {
    const actions = actionsOf(this.#item.data);
    this.#links.replaceChildren(...actions.map(actionLink));
    this.#links.hidden = actions.length === 0;
    const link = safeLink(this.#item.url);
    this.#link.hidden = !link;
    write(this.#link, words.open);
    this.#link.setAttribute("aria-label", `${words.open}: ${this.#item.title}`);
    if (link) lead(this.#link, link);
    else this.#link.removeAttribute("href");
    this.current = this.#current;
  }
}

/** @param {Action} action */
function actionLink({ label: text, link }) {
  if (!link) return element("span", { class: "no-link", dir: "auto" }, text);
  const attributes = { class: "act", part: "action-link", dir: "auto", rel: "noopener noreferrer" };
  return lead(element("a", attributes, text), link);
}

/**
 * @param {HTMLAnchorElement} anchor
 * @param {import("./links.js").Link} link
 */
function lead(anchor, { href, elsewhere }) {
  anchor.href = href;
  anchor.target = elsewhere ? "_blank" : "";
  return anchor;
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
