import { element, icon, write } from "./element.js";
import { BELL, BOX, CHECK, CLOCK, DOT, DOTS, UNBOX } from "./icons.js";
import { actionsOf, safeLink } from "./links.js";
import { fullTime, relativeTime, shortTime } from "./times.js";
import { words as english, filled, labelOf } from "./words.js";

/**
 * @typedef {import("../client/frames.js").Item} Item
 * @typedef {import("./links.js").Action} Action
 * @typedef {{words: import("./words.js").Words, locale: string, now: () => Date}} Manner
 */

const HUES = 6;
let lastNumber = 0;

/** One item of the list: an article that takes the focus, with its links and actions inside. */
export class Row {
  #number = ++lastNumber;
  #avatar = element("span", { as: "avatar", "aria-hidden": "true" });
  #hint = element("span", { class: "spoken" });
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
  #all = [this.#toggle, this.#snooze, this.#archive, this.#unarchive];
  #menu = element("button", {
    class: "action menu-open",
    "data-act": "menu",
    "aria-haspopup": "menu",
    "aria-expanded": "false",
  });
  #line = element("h4", { class: "line", id: `line-${this.#number}` }, this.#hint, this.#link);
  /** @type {Item} */
  #item;
  #current = false;
  #picture = "";
  #words = english;

  /**
   * @param {Item} item
   * @param {Manner} manner
   */
  constructor(item, manner) {
    this.#item = item;
    const about = element("p", { class: "about", id: `about-${this.#number}` });
    about.append(this.#urgent, this.#snoozed, this.#actor, this.#kind);
    this.article = element(
      "article",
      {
        as: "item",
        tabindex: "-1",
        "data-id": item.id,
        "aria-labelledby": this.#line.id,
        "aria-describedby": `${this.#paragraph.id} ${about.id} ${this.#time.id}`,
        "aria-keyshortcuts": "Enter u s e",
      },
      element("span", { class: "mark", "aria-hidden": "true" }),
      this.#avatar,
      this.#line,
      this.#time,
      element("div", { class: "rest" }, this.#paragraph, this.#more, this.#links, about),
      element("div", { class: "actions" }, ...this.#all, this.#menu),
    );
    this.element = element("li", {}, this.article);
    this.update(item, manner);
  }

  get item() {
    return this.#item;
  }

  get link() {
    return this.#link.href ? this.#link : null;
  }

  /** What is clamped where it is too long. */
  get clamped() {
    return [this.#line, this.#paragraph];
  }

  /** The buttons of what can be done with it, without the one that stands for them on touch. */
  get buttons() {
    return this.#all.filter((button) => !button.hidden);
  }

  /** Beside which its menus open: the one of these that is shown. */
  get menuButton() {
    return this.#menu.checkVisibility() ? this.#menu : this.#snooze;
  }

  /** Shows all of title and body, or no longer. */
  unfold() {
    this.article.toggleAttribute("data-unfolded");
    this.#sayMore();
  }

  #sayMore() {
    const all = this.article.hasAttribute("data-unfolded");
    this.#more.ariaExpanded = String(all);
    write(this.#more, all ? this.#words.less : this.#words.more);
  }

  /** Offers the rest of title and body where not all of them has room. */
  fold() {
    const isCut = this.clamped.some((one) => one.scrollHeight > one.clientHeight + 1);
    this.#more.hidden = !isCut && !this.article.hasAttribute("data-unfolded");
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
    this.#showKind(item, words);
    write(this.#urgent, words.urgent);
    this.#urgent.hidden = item.lane !== "urgent";
    this.#showSnoozed(manner);
    this.#showLinks();
    label(this.#toggle, item.read_at ? words.markUnread : words.markRead, item.read_at ? DOT : CHECK);
    label(this.#snooze, words.snooze, CLOCK);
    label(this.#archive, words.archive, BOX);
    label(this.#menu, words.actions, DOTS);
    this.#words = words;
    this.#sayMore();
    label(this.#unarchive, words.unarchive, UNBOX);
    this.#snooze.hidden = this.#archive.hidden = !!item.archived_at;
    this.#unarchive.hidden = !item.archived_at;
    this.tick(manner.now(), manner);
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
    for (const part of this.article.querySelectorAll("a[href], button")) {
      if (part instanceof HTMLElement) part.tabIndex = yes ? 0 : -1;
    }
  }

  /**
   * @param {Item} item
   * @param {import("./words.js").Words} words
   */
  #showKind({ category, type, actor, image }, words) {
    const name = labelOf(words, category, type);
    write(this.#kind, name);
    this.#kind.hidden = !name;
    write(this.#actor, actor ?? "");
    this.#actor.hidden = !actor;
    this.#showPicture(image, [...(actor || name)][0]?.toLocaleUpperCase() ?? "");
    const kind = category ?? type;
    const sum = [...kind].reduce((hash, sign) => (hash * 31 + (sign.codePointAt(0) ?? 0)) % 9973, 7);
    this.#avatar.dataset["hue"] = String(sum % HUES);
  }

  /**
   * @param {string | null | undefined} image  where there is none, or it does not come, the letter
   * @param {string} letter  or else a bell
   */
  #showPicture(image, letter) {
    const shown = `${image} ${letter}`;
    if (shown === this.#picture) return;
    this.#picture = shown;
    const instead = () => this.#avatar.replaceChildren(letter || icon(BELL));
    const { href = "" } = safeLink(image) ?? {};
    if (!href.startsWith("http")) return instead();
    const attributes = { part: "image", alt: "", loading: "lazy", referrerpolicy: "no-referrer" };
    const picture = element("img", attributes);
    picture.addEventListener("error", instead);
    picture.src = href;
    this.#avatar.replaceChildren(picture);
  }

  /** @param {Manner} manner */
  #showSnoozed({ words, locale }) {
    const until = this.#item.snoozed_until;
    this.#snoozed.hidden = !until;
    const time = until ? shortTime(new Date(until), locale) : "";
    write(this.#snoozed, filled(words.snoozedUntil, { time }, locale));
  }

  #showLinks() {
    const actions = actionsOf(this.#item.data);
    this.#links.replaceChildren(...actions.map(actionLink));
    this.#links.hidden = actions.length === 0;
    const link = safeLink(this.#item.url);
    if (link) lead(this.#link, link);
    else for (const name of ["href", "tabindex"]) this.#link.removeAttribute(name);
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
