import { element, icon, write } from "./element.js";
import { Filters } from "./filters.js";
import { CHECKS, UP } from "./icons.js";
import { numberIn } from "./locale.js";
import { Panel } from "./panel.js";
import { ResizeObserver, sight } from "./platform.js";
import { filled } from "./words.js";

/**
 * @typedef {import("./words.js").Words} Words
 * @typedef {import("./view.js").View} View
 * @typedef {{text: string, retry: boolean}} Trouble  `retry`: only a person can mend it
 *
 * @typedef {object} Look  All that the frame depends on.
 * @property {Words} words
 * @property {string} locale
 * @property {string} label
 * @property {View} view
 * @property {string[]} categories
 * @property {import("../client/connection.js").StateChange} connection
 * @property {boolean} known  whether the feed was complete once
 * @property {number} shown  items in the list
 * @property {number} unread
 * @property {boolean} readable  whether what is shown may be marked as read at once
 * @property {number} above  new ones out of sight
 * @property {{more: boolean, loading: boolean, failure: string}} page  the older ones
 * @property {Trouble | null} trouble  why the feed does not come
 * @property {string} failure  of a command: a sentence, or nothing
 *
 * @typedef {object} FrameActions
 * @property {(changed: Partial<View>) => void} choose
 * @property {() => void} readAll
 * @property {() => void} older
 * @property {() => void} retry
 * @property {() => void} reachedTop
 * @property {() => void} newest  give it the focus
 */

/** What stands around the list: heading, badge, connection, filters, notices, the way to older. */
export class Frame {
  #heading = element("h2", { class: "heading" });
  #count = element("span", { "aria-hidden": "true" });
  #spokenCount = element("span", { class: "spoken" });
  #badge = element("span", { as: "badge" }, this.#count, this.#spokenCount);
  #name = element("div", { class: "name" });
  #status = element("span", { as: "status", role: "status" });
  #allReadText = element("span", { class: "all-read-text" });
  #allRead = element("button", { as: "all-read" });
  #noticeText = element("p", { class: "notice-text" });
  #noticeRetry = element("button", { class: "button", part: "retry" });
  #notice = element("div", { as: "notice" }, this.#noticeText, this.#noticeRetry);
  #above = element("button", { as: "above" });
  #aboveText = element("span", {});
  #older = element("button", { as: "older" });
  #filters;
  #panel;
  scroll = element("div", { as: "scroll", role: "tabpanel", id: "panel", tabindex: "-1" });

  /**
   * @param {HTMLElement} list
   * @param {FrameActions} actions
   */
  constructor(list, actions) {
    this.list = list;
    this.#filters = new Filters(actions.choose);
    this.#panel = new Panel(actions.retry);
    this.element = element("section", { class: "inbox" });
    const heading = element("slot", { name: "heading" }, this.#heading);
    const tools = element("slot", { name: "actions" });
    this.#name.append(heading, this.#badge, this.#status);
    this.#allRead.append(icon(CHECKS), this.#allReadText);
    this.#above.append(icon(UP), this.#aboveText);
    this.scroll.append(this.#above, list, ...this.#panel.elements, this.#older);
    this.element.append(
      element("header", { part: "header" }, this.#name, element("div", { class: "tools" }, this.#allRead, tools)),
      this.#filters.element,
      this.#notice,
      this.scroll,
    );
    this.#listen(actions);
  }

  /** @param {Look} look */
  show(look) {
    const { words, view } = look;
    if (look.label) this.element.setAttribute("aria-label", look.label);
    else this.element.removeAttribute("aria-label");
    this.scroll.setAttribute("aria-labelledby", `tab-${view.state}`);
    this.scroll.setAttribute("aria-busy", String(look.page.loading));
    this.#filters.show(words, view, look.categories);
    this.#panel.show(look);
    this.#showConnection(look);
    this.#showCount(look);
    this.list.hidden = look.shown === 0;
    this.#older.hidden = !look.page.more || look.shown === 0;
    this.#older.disabled = look.page.loading;
    const older = look.page.failure ? `${look.page.failure} ${words.retry}` : words.older;
    write(this.#older, look.page.loading ? words.loadingOlder : older);
    this.#above.hidden = look.above === 0;
    write(this.#aboveText, filled(words.newAbove, { count: look.above }, look.locale));
    this.#fit();
  }

  /** Leaves out words of the header, however long they are, until the rest has its room. */
  #fit() {
    for (const level of ["", "action", "status"]) {
      this.element.dataset["tight"] = level;
      if (this.#name.scrollWidth <= this.#name.clientWidth) return;
    }
  }

  /** Asks for older ones where the end of the list is in view, now and whenever it comes there. */
  watchEnd() {
    this.#end.unobserve(this.#older);
    this.#end.observe(this.#older);
  }

  #end = sight((entries) => {
    if (entries.some((entry) => entry.isIntersecting)) this.#reachedEnd();
  });
  #reachedEnd = () => {};
  #resized = new ResizeObserver(() => this.#fit());

  /** @param {FrameActions} actions */
  #listen(actions) {
    this.#allRead.addEventListener("click", actions.readAll);
    this.#older.addEventListener("click", actions.older);
    this.#noticeRetry.addEventListener("click", actions.retry);
    this.#reachedEnd = actions.older;
    this.#resized.observe(this.element);
    this.#above.addEventListener("click", () => {
      this.scroll.scrollTop = 0;
      actions.newest();
    });
    this.scroll.addEventListener("scroll", () => {
      if (this.scroll.scrollTop < 8) actions.reachedTop();
    });
  }

  /** @param {Look} look */
  #showConnection({ words, connection: { state }, known, failure, trouble }) {
    const word = known && state === "connecting" ? "waiting" : state;
    this.#status.dataset["state"] = word;
    write(this.#status, words.states[word]);
    const told = failure || (known && trouble?.text) || ""; // before that the panel says it
    this.#notice.hidden = !told;
    write(this.#noticeText, told);
    this.#noticeRetry.hidden = !!failure || !trouble?.retry;
    write(this.#noticeRetry, words.retry);
  }

  /** @param {Look} look */
  #showCount({ words, unread, readable, locale }) {
    write(this.#heading, words.heading);
    write(this.#count, unread > 99 ? `${numberIn(99, locale)}+` : numberIn(unread, locale));
    write(this.#spokenCount, filled(words.unread, { count: unread }, locale));
    this.#badge.toggleAttribute("data-none", unread === 0);
    write(this.#allReadText, words.allRead);
    this.#allRead.title = words.allRead;
    this.#allRead.hidden = !readable;
    this.#allRead.disabled = unread === 0;
  }
}
