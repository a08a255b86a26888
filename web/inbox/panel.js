import { element, icon, write } from "./element.js";
import { BELL, CLOUD } from "./icons.js";
import { labelOf } from "./words.js";

/** @typedef {import("./frame.js").Look} Look */

const SKELETONS = 4;

/** What stands in place of items: that they are on their way, that there are none, or why not. */
export class Panel {
  #title = element("p", { class: "panel-title" });
  #text = element("p", { class: "panel-text" });
  #picture = element("span", { class: "picture", "aria-hidden": "true" });
  #retry = element("button", { class: "button", part: "retry" });
  #message = element("div", { class: "panel", part: "empty" });
  #loading = element("div", { as: "loading", role: "status" });
  #drawn = "";

  /** @param {() => void} retry */
  constructor(retry) {
    this.#message.append(this.#picture, this.#title, this.#text, this.#retry);
    for (let n = 0; n < SKELETONS; n += 1) {
      this.#loading.append(element("span", { class: "skeleton", "aria-hidden": "true" }));
    }
    this.#retry.addEventListener("click", retry);
  }

  get elements() {
    return [this.#loading, this.#message];
  }

  /** @param {Look} look */
  show(look) {
    const { words, shown, page } = look;
    const failed = page.failure ? { text: page.failure, retry: true } : null;
    const trouble = look.known ? failed : look.trouble; // the notice tells of a feed that went
    const loading = shown === 0 && !trouble && (!look.known || page.loading || page.more);
    this.#loading.hidden = !loading;
    if (loading) this.#loading.setAttribute("aria-label", words.loading);
    this.#message.hidden = shown > 0 || loading;
    this.#message.classList.toggle("trouble", !!trouble);
    this.#retry.hidden = !trouble?.retry;
    write(this.#retry, words.retry);
    this.#draw(trouble ? CLOUD : BELL);
    const label = look.view.state === "inbox" ? labelOf(words, look.view.category) : "";
    const empty = label ? "category" : look.view.state;
    const title = words.emptyTitles[empty].replace("{category}", () => label);
    write(this.#title, trouble ? words.notLoaded : title);
    write(this.#text, trouble ? trouble.text : words.emptyTexts[empty]);
  }

  /** @param {string} path */
  #draw(path) {
    if (path === this.#drawn) return;
    this.#drawn = path;
    this.#picture.replaceChildren(icon(path));
  }
}
