import { element, icon, setText } from "./element.js";
import { Filters } from "./filters.js";
import { CHECKS, UP } from "./icons.js";
import { formatNumber } from "./locale.js";
import { Panel } from "./panel.js";
import { ResizeObserver, intersectionObserver } from "./platform.js";
import { formatMessage } from "./messages.js";

/**
 * @typedef {import("./messages.js").Words} Words
 * @typedef {import("./view.js").View} View
 * @typedef {{text: string, retry: boolean}} ErrorState  `retry`: only a person can mend it
 *
 * @typedef {object} ViewModel  All that the frame depends on.
 * @property {Words} words
 * @property {string} locale
 * @property {string} label
 * @property {View} view
 * @property {string[]} categories
 * @property {import("../client/connection-types.js").StateChange} connection
 * @property {boolean} isKnown  whether the feed was complete once
 * @property {number} itemCount  items in the list
 * @property {number} unread
 * @property {boolean} canReadAll  whether what is shown may be marked as read at once
 * @property {number} newAbove  new ones out of sight
 * @property {{hasMore: boolean, isLoading: boolean, failure: string}} page  the older ones
 * @property {ErrorState | null} errorState  why the feed does not come
 * @property {string} failure  of a command: a sentence, or nothing
 *
 * @typedef {object} ShellActions
 * @property {(changed: Partial<View>) => void} changeView
 * @property {() => void} readAll
 * @property {() => void} loadOlder
 * @property {() => void} retry
 * @property {() => void} onTop
 * @property {() => void} focusNewest  give it the focus
 */

/** What stands around the list: heading, badge, connection, filters, notices, the way to older. */
export class Shell {
  #heading = element("h2", { class: "heading" });
  #count = element("span", { "aria-hidden": "true" });
  #spokenCount = element("span", { class: "spoken" });
  #badge = element("span", { as: "badge" }, this.#count, this.#spokenCount);
  #headline = element("div", { class: "name" });
  #status = element("span", { as: "status", role: "status" });
  #allReadText = element("span", { class: "all-read-text" });
  #allRead = element("button", { as: "all-read" });
  #noticeText = element("p", { class: "notice-text" });
  #noticeRetry = element("button", { class: "button", part: "retry" });
  #notice = element("div", { as: "notice" }, this.#noticeText, this.#noticeRetry);
  #newAbove = element("button", { as: "above" });
  #newAboveText = element("span", {});
  #older = element("button", { as: "older" });
  #filters;
  #panel;
  scroll = element("div", { as: "scroll", role: "tabpanel", id: "panel", tabindex: "-1" });

  /**
   * @param {HTMLElement} list
   * @param {ShellActions} actions
   */
  constructor(list, actions) {
    this.list = list;
    this.#filters = new Filters(actions.changeView);
    this.#panel = new Panel(actions.retry);
    this.element = element("section", { class: "inbox" });
    const heading = element("slot", { name: "heading" }, this.#heading);
    const tools = element("slot", { name: "actions" });
    this.#headline.append(heading, this.#badge, this.#status);
    this.#allRead.append(icon(CHECKS), this.#allReadText);
    this.#newAbove.append(icon(UP), this.#newAboveText);
    this.scroll.append(this.#newAbove, list, ...this.#panel.elements, this.#older);
    this.element.append(
      element("header", { part: "header" }, this.#headline, element("div", { class: "tools" }, this.#allRead, tools)),
      this.#filters.element,
      this.#notice,
      this.scroll,
    );
    this.#addListeners(actions);
  }

  /** @param {ViewModel} viewModel */
  render(viewModel) {
    const { words, view } = viewModel;
    if (viewModel.label) this.element.setAttribute("aria-label", viewModel.label);
    else this.element.removeAttribute("aria-label");
    this.scroll.setAttribute("aria-labelledby", `tab-${view.state}`);
    this.scroll.setAttribute("aria-busy", String(viewModel.page.isLoading));
    this.#filters.render(words, view, viewModel.categories);
    this.#panel.render(viewModel);
    this.#showConnection(viewModel);
    this.#showCount(viewModel);
    this.list.hidden = viewModel.itemCount === 0;
    this.#older.hidden = !viewModel.page.hasMore || viewModel.itemCount === 0;
    this.#older.disabled = viewModel.page.isLoading;
    const loadOlder = viewModel.page.failure ? `${viewModel.page.failure} ${words.retry}` : words.older;
    setText(this.#older, viewModel.page.isLoading ? words.loadingOlder : loadOlder);
    this.#newAbove.hidden = viewModel.newAbove === 0;
    setText(this.#newAboveText, formatMessage(words.newAbove, { count: viewModel.newAbove }, viewModel.locale));
    this.#fitHeader();
  }

  /** Leaves out words of the header, however long they are, until the rest has its room. */
  #fitHeader() {
    for (const level of ["", "action", "status"]) {
      this.element.dataset["tight"] = level;
      if (this.#headline.scrollWidth <= this.#headline.clientWidth) return;
    }
  }

  /** Asks for older ones where the end of the list is in view, now and whenever it comes there. */
  observeEnd() {
    this.#endObserver.unobserve(this.#older);
    this.#endObserver.observe(this.#older);
  }

  #endObserver = intersectionObserver((entries) => {
    if (entries.some((entry) => entry.isIntersecting)) this.#onEnd();
  });
  #onEnd = () => {};
  #resizeObserver = new ResizeObserver(() => this.#fitHeader());

  /** @param {ShellActions} actions */
  #addListeners(actions) {
    this.#allRead.addEventListener("click", actions.readAll);
    this.#older.addEventListener("click", actions.loadOlder);
    this.#noticeRetry.addEventListener("click", actions.retry);
    this.#onEnd = actions.loadOlder;
    this.#resizeObserver.observe(this.element);
    this.#newAbove.addEventListener("click", () => {
      this.scroll.scrollTop = 0;
      actions.focusNewest();
    });
    this.scroll.addEventListener("scroll", () => {
      if (this.scroll.scrollTop < 8) actions.onTop();
    });
  }

  /** @param {ViewModel} viewModel */
  #showConnection({ words, connection: { state }, isKnown, failure, errorState }) {
    const word = isKnown && state === "connecting" ? "waiting" : state;
    this.#status.dataset["state"] = word;
    setText(this.#status, words.states[word]);
    const message = failure || (isKnown && errorState?.text) || ""; // before that the panel says it
    this.#notice.hidden = !message;
    setText(this.#noticeText, message);
    this.#noticeRetry.hidden = !!failure || !errorState?.retry;
    setText(this.#noticeRetry, words.retry);
  }

  /** @param {ViewModel} viewModel */
  #showCount({ words, unread, canReadAll, locale }) {
    setText(this.#heading, words.heading);
    setText(this.#count, unread > 99 ? `${formatNumber(99, locale)}+` : formatNumber(unread, locale));
    setText(this.#spokenCount, formatMessage(words.unread, { count: unread }, locale));
    this.#badge.toggleAttribute("data-none", unread === 0);
    setText(this.#allReadText, words.allRead);
    this.#allRead.title = words.allRead;
    this.#allRead.hidden = !canReadAll;
    this.#allRead.disabled = unread === 0;
  }
}
