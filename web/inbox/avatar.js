import { element, icon } from "./element.js";
import { BELL } from "./icons.js";
import { safeLink } from "./links.js";

const HUES = 6;

/** The picture beside an item: its image, else the first letter of a name, else a bell. */
export class Avatar {
  element = element("span", { as: "avatar", "aria-hidden": "true" });
  #shown = "";

  /**
   * @param {string | null | undefined} image  where there is none, or it does not load, the letter
   * @param {string} name  whose first letter is shown
   * @param {string} kind  decides the colour
   */
  render(image, name, kind) {
    this.#renderPicture(image, [...name][0]?.toLocaleUpperCase() ?? "");
    const sum = [...kind].reduce((hash, sign) => (hash * 31 + (sign.codePointAt(0) ?? 0)) % 9973, 7);
    this.element.dataset["hue"] = String(sum % HUES);
  }

  /**
   * @param {string | null | undefined} image
   * @param {string} letter
   */
  #renderPicture(image, letter) {
    const shown = `${image} ${letter}`;
    if (shown === this.#shown) return;
    this.#shown = shown;
    const showFallback = () => this.element.replaceChildren(letter || icon(BELL));
    const { href = "" } = safeLink(image) ?? {};
    if (!href.startsWith("http")) return showFallback();
    const attributes = { part: "image", alt: "", loading: "lazy", referrerpolicy: "no-referrer" };
    const picture = element("img", attributes);
    picture.addEventListener("error", showFallback);
    picture.src = href;
    this.element.replaceChildren(picture);
  }
}
