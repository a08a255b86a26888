import { Clarion } from "../client/clarion.js";
import { filled, wordsWith } from "./words.js";

/**
 * @typedef {import("./words.js").Words} Words
 * @typedef {import("./words.js").SomeWords} SomeWords
 * @typedef {import("../client/tokens.js").TokenOption} TokenOption
 */

/**
 * An element that shows a feed: that of the `client` it was given, which the page connects, or of
 * one that it makes itself from `token` (and `url`), connects, and disconnects when it is removed.
 */
export class FeedElement extends HTMLElement {
  /** @type {readonly string[]} */
  static observedAttributes = ["label", "lang", "words", "url", "token"];

  /** Where the feed is, unless the attribute says so: as a client's. @type {string | undefined} */
  static url;

  /** @type {Clarion | null} */
  #given = null;
  /** @type {Clarion | null} */
  #own = null;
  /** @type {TokenOption | null} */
  #token = null;
  #words = wordsWith({});
  /** @type {(() => void)[]} */
  #leave = [];

  /** Whose feed is shown. */
  get client() {
    return this.#given ?? this.#own;
  }

  set client(client) {
    this.#given = client ?? null;
    if (this.isConnected) this.#restart();
  }

  /** A subscriber token, or who asks for a new one; where no `client` is given. */
  get token() {
    return this.#token ?? this.getAttribute("token");
  }

  set token(token) {
    this.#token = token;
    if (this.isConnected) this.#tokenChanged();
  }

  /** What the element says. Set some of them to say those otherwise. @returns {Words} */
  get words() {
    return this.#words;
  }

  /** @param {SomeWords} words */
  set words(words) {
    this.#words = wordsWith(words);
    this.render();
  }

  /** Of times, numbers and plurals: `lang` here or above, else the browser's. */
  get locale() {
    const lang = this.closest("[lang]")?.getAttribute("lang") || navigator.language;
    return Intl.DateTimeFormat.supportedLocalesOf(lang).length > 0 ? lang : "en";
  }

  /** How it says what it says. */
  get manner() {
    return { words: this.#words, locale: this.locale };
  }

  /**
   * @param {import("./words.js").Phrase} phrase
   * @param {Record<string, string | number>} values
   */
  fill(phrase, values) {
    return filled(phrase, values, this.locale);
  }

  connectedCallback() {
    for (const name of ["client", "token", "words"]) this.#upgrade(name);
    this.#restart();
  }

  disconnectedCallback() {
    this.#stop();
    this.#own?.disconnect();
  }

  /** @param {string} name */
  attributeChangedCallback(name) {
    if (name === "words") this.words = /** @type {any} */ (this.getAttribute("words") ?? {});
    else if (!this.isConnected) return;
    else if (name === "token") this.#tokenChanged();
    else if (name === "url") this.#discard();
    else this.render();
  }

  /**
   * Begin with this feed.
   *
   * @protected
   * @param {Clarion} _client
   * @returns {(() => void)[]}  each lets go of something
   */
  attend(_client) {
    return [];
  }

  /** Show how things are. @protected */
  render() {}

  #restart() {
    this.#stop();
    if (this.#given) this.#own?.disconnect();
    else if (this.token) {
      this.#own ??= new Clarion({
        url: this.getAttribute("url") ?? FeedElement.url,
        token: () => tokenOf(this.token),
      });
      this.#own.connect();
    }
    const client = this.client;
    if (client) this.#leave = this.attend(client);
    this.render();
  }

  #stop() {
    for (const leave of this.#leave.splice(0)) leave();
  }

  /** One that was refused may be good now. */
  #tokenChanged() {
    if (!this.#own || this.#own.state.state === "refused") this.#restart();
  }

  /** Its feed is elsewhere now. */
  #discard() {
    this.#own?.disconnect();
    this.#own = null;
    this.#restart();
  }

  /** A property set before the element was defined hides the accessor. @param {string} name */
  #upgrade(name) {
    if (!Object.hasOwn(this, name)) return;
    const value = Reflect.get(this, name);
    Reflect.deleteProperty(this, name);
    Reflect.set(this, name, value);
  }
}

/** @param {TokenOption | null} token */
function tokenOf(token) {
  if (!token) throw new Error("The element has no token.");
  return typeof token === "function" ? token() : token;
}
