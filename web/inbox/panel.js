import { element, icon, setText } from "./element.js";
import { BELL, CLOUD } from "./icons.js";
import { labelOf } from "./messages.js";

/** @typedef {import("./shell.js").ViewModel} ViewModel */

const SKELETONS = 4;

/** What stands in place of items: that they are on their way, that there are none, or why not. */
export class Panel {
  #title = element("p", { class: "panel-title" });
  #text = element("p", { class: "panel-text" });
  #picture = element("span", { class: "picture", "aria-hidden": "true" });
  #retry = element("button", { class: "button", part: "retry" });
  #message = element("div", { class: "panel", part: "empty" });
  #loading = element("div", { as: "loading", role: "status" });
  #drawnIcon = "";

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

  /** @param {ViewModel} viewModel */
  render(viewModel) {
    const { words, itemCount, page } = viewModel;
    const failed = page.failure ? { text: page.failure, retry: true } : null;
    const errorState = viewModel.isKnown ? failed : viewModel.errorState; // the notice tells of a feed that went
    const loading = itemCount === 0 && !errorState && (!viewModel.isKnown || page.isLoading || page.hasMore);
    this.#loading.hidden = !loading;
    if (loading) this.#loading.setAttribute("aria-label", words.loading);
    this.#message.hidden = itemCount > 0 || loading;
    this.#message.classList.toggle("trouble", !!errorState);
    this.#retry.hidden = !errorState?.retry;
    setText(this.#retry, words.retry);
    this.#drawIcon(errorState ? CLOUD : BELL);
    const label = viewModel.view.state === "inbox" ? labelOf(words, viewModel.view.category) : "";
    const empty = label ? "category" : viewModel.view.state;
    const title = words.emptyTitles[empty].replace("{category}", () => label);
    setText(this.#title, errorState ? words.notLoaded : title);
    setText(this.#text, errorState ? errorState.text : words.emptyTexts[empty]);
  }

  /** @param {string} path */
  #drawIcon(path) {
    if (path === this.#drawnIcon) return;
    this.#drawnIcon = path;
    this.#picture.replaceChildren(icon(path));
  }
}
