import { Avatar } from "./avatar.js";
import { element, icon, setText } from "./element.js";
import { BOX, CHECK, CLOCK, DOT, DOTS, UNBOX } from "./icons.js";
import { actionsOf, safeLink } from "./links.js";
import { fullTime, relativeTime, shortTime } from "./times.js";
import { words as english, formatMessage, labelOf } from "./messages.js";

/**
 * @typedef {import("../client/frames.js").Item} Item
 * @typedef {import("./links.js").Action} Action
 * @typedef {{words: import("./messages.js").Words, locale: string, now: () => Date}} Formatting
 */

let lastNumber = 0;

/** One item of the list: an article that takes the focus, with its links and actions inside. */
export class Row {
  #number = ++lastNumber;
  #avatar = new Avatar();
  #unreadHint = element("span", { class: "spoken" });
  #title = element("span", { as: "title", dir: "auto" });
  /** Stretched over the row, below its texts; not to be dragged, for who drags there marks text. */
  #link = element("a", { class: "open", part: "link", rel: "noopener noreferrer", draggable: "false" }, this.#title);
  #body = element("span", { dir: "auto" });
  #paragraph = element("p", { as: "body", id: `body-${this.#number}` }, this.#body);
  #more = element("button", { as: "more", "data-act": "more", hidden: "" });
  #links = element("div", { class: "links" });
  #time = element("time", { as: "time", id: `time-${this.#number}` });
  #actor = element("span", { as: "actor", dir: "auto" });
  #kind = element("span", { class: "kind", dir: "auto" });
  #urgent = element("span", { as: "urgent" });
  #snoozed = element("span", { class: "snoozed" });
  #toggle = element("button", { class: "action", "data-act": "toggle" });
  #snooze = element("button", {
    class: "action",
    "data-act": "snooze",
    "aria-haspopup": "menu",
    "aria-expanded": "false",
  });
  #archive = element("button", { class: "action", "data-act": "archive" });
  #unarchive = element("button", { class: "action", "data-act": "unarchive" });
  #actionButtons = [this.#toggle, this.#snooze, this.#archive, this.#unarchive];
  #menu = element("button", {
    class: "action menu-open",
    "data-act": "menu",
    "aria-haspopup": "menu",
    "aria-expanded": "false",
  });
  #headline = element("h4", { class: "line", id: `line-${this.#number}` }, this.#unreadHint, this.#link);
  /** @type {Item} */
  #item;
  #current = false;
  #words = english;

  /**
   * @param {Item} item
   * @param {Formatting} formatting
   */
  constructor(item, formatting) {
    this.#item = item;
    const about = element("p", { class: "about", id: `about-${this.#number}` });
    about.append(this.#urgent, this.#snoozed, this.#actor, this.#kind);
    this.article = element(
      "article",
      {
        as: "item",
        tabindex: "-1",
        "data-id": item.id,
        "aria-labelledby": this.#headline.id,
        "aria-describedby": `${this.#paragraph.id} ${about.id} ${this.#time.id}`,
        "aria-keyshortcuts": "Enter u s e",
      },
      element("span", { class: "mark", "aria-hidden": "true" }),
      this.#avatar.element,
      this.#headline,
      this.#time,
      element("div", { class: "rest" }, this.#paragraph, this.#more, this.#links, about),
      element("div", { class: "actions" }, ...this.#actionButtons, this.#menu),
    );
    this.element = element("li", {}, this.article);
    this.update(item, formatting);
  }

  get item() {
    return this.#item;
  }

  get link() {
    return this.#link.href ? this.#link : null;
  }

  /** What is clamped where it is too long. */
  get clampedElements() {
    return [this.#headline, this.#paragraph];
  }

  /** The buttons of what can be done with it, without the one that stands for them on touch. */
  get buttons() {
    return this.#actionButtons.filter((button) => !button.hidden);
  }

  /** Beside which its menus open: the one of these that is shown. */
  get menuButton() {
    return this.#menu.checkVisibility() ? this.#menu : this.#snooze;
  }

  /** Shows all of title and body, or no longer. */
  toggleExpanded() {
    this.article.toggleAttribute("data-unfolded");
    this.#renderMoreButton();
  }

  #renderMoreButton() {
    const all = this.article.hasAttribute("data-unfolded");
    this.#more.ariaExpanded = String(all);
    setText(this.#more, all ? this.#words.less : this.#words.more);
  }

  /** Offers the rest of title and body where not all of them has room. */
  updateMoreButton() {
    const isCut = this.clampedElements.some((one) => one.scrollHeight > one.clientHeight + 1);
    this.#more.hidden = !isCut && !this.article.hasAttribute("data-unfolded");
  }

  /**
   * @param {Item} item
   * @param {Formatting} formatting
   */
  update(item, formatting) {
    this.#item = item;
    const { words } = formatting;
    this.article.toggleAttribute("data-unread", !item.read_at);
    setText(this.#unreadHint, item.read_at ? "" : `${words.unreadItem} `);
    setText(this.#title, item.title);
    setText(this.#body, item.body ?? "");
    this.#paragraph.hidden = !item.body;
    this.#renderKind(item, words);
    setText(this.#urgent, words.urgent);
    this.#urgent.hidden = item.lane !== "urgent";
    this.#renderSnoozed(formatting);
    this.#renderLinks();
    setButton(this.#toggle, item.read_at ? words.markUnread : words.markRead, item.read_at ? DOT : CHECK);
    setButton(this.#snooze, words.snooze, CLOCK);
    setButton(this.#archive, words.archive, BOX);
    setButton(this.#menu, words.actions, DOTS);
    this.#words = words;
    this.#renderMoreButton();
    setButton(this.#unarchive, words.unarchive, UNBOX);
    this.#snooze.hidden = this.#archive.hidden = !!item.archived_at;
    this.#unarchive.hidden = !item.archived_at;
    this.tick(formatting.now(), formatting);
  }

  /**
   * Brings the time up to date.
   *
   * @param {Date} now
   * @param {Formatting} formatting
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
  setPosition(place, count) {
    this.article.ariaPosInSet = count ? String(place + 1) : null;
    this.article.ariaSetSize = count ? String(count) : null;
  }

  /** Whether Tab comes here: only one row of the list says yes. @param {boolean} isCurrent */
  set current(isCurrent) {
    this.#current = isCurrent;
    this.article.tabIndex = isCurrent ? 0 : -1;
    for (const part of this.article.querySelectorAll("a[href], button")) {
      if (part instanceof HTMLElement) part.tabIndex = isCurrent ? 0 : -1;
    }
  }

  /**
   * @param {Item} item
   * @param {import("./messages.js").Words} words
   */
  #renderKind({ category, type, actor, image }, words) {
    const name = labelOf(words, category, type);
    setText(this.#kind, name);
    this.#kind.hidden = !name;
    setText(this.#actor, actor ?? "");
    this.#actor.hidden = !actor;
    this.#avatar.render(image, actor || name, category ?? type);
  }

  /** @param {Formatting} formatting */
  #renderSnoozed({ words, locale }) {
    const until = this.#item.snoozed_until;
    this.#snoozed.hidden = !until;
    const time = until ? shortTime(new Date(until), locale) : "";
    setText(this.#snoozed, formatMessage(words.snoozedUntil, { time }, locale));
  }

  #renderLinks() {
    const actions = actionsOf(this.#item.data);
    this.#links.replaceChildren(...actions.map(createActionLink));
    this.#links.hidden = actions.length === 0;
    const link = safeLink(this.#item.url);
    if (link) setLink(this.#link, link);
    else for (const name of ["href", "tabindex"]) this.#link.removeAttribute(name);
    this.current = this.#current;
  }
}

/** @param {Action} action */
function createActionLink({ label: text, link }) {
  if (!link) return element("span", { class: "no-link", dir: "auto" }, text);
  const attributes = { class: "act", part: "action-link", dir: "auto", rel: "noopener noreferrer" };
  return setLink(element("a", attributes, text), link);
}

/**
 * @param {HTMLAnchorElement} anchor
 * @param {import("./links.js").Link} link
 */
function setLink(anchor, { href, isExternal }) {
  anchor.href = href;
  anchor.target = isExternal ? "_blank" : "";
  return anchor;
}

/**
 * @param {HTMLButtonElement} button
 * @param {string} text
 * @param {string} path
 */
function setButton(button, text, path) {
  if (button.title === text) return;
  button.title = text;
  button.setAttribute("aria-label", text);
  button.replaceChildren(icon(path));
}
