import { Clarion, ClarionError, isShut, personOf } from "../client/clarion.js";
import { localeOf } from "./locale.js";
import { Base } from "./platform.js";
import { filled, wordsOf, wordsWith } from "./words.js";

/**
 * @typedef {import("./words.js").Words} Words
 * @typedef {import("./words.js").SomeWords} SomeWords
 * @typedef {import("../client/tokens.js").TokenOption} TokenOption
 */

/** Then whose feed it is to be is not known, and nobody's is shown. */
const TOKEN_WITHIN_MS = 10_000;

/**
 * An element that shows a feed: that of the `client` it was given, which the page connects, or of
 * one that it makes itself from `token` (and `url`), connects, and disconnects when it is removed. Where
 * the feed is another one, or none, nothing of the one before stays.
 */
export class FeedElement extends Base {
  /** @type {readonly string[]} */
  static observedAttributes = ["label", "lang", "words", "url", "token"];

  /** Where the feed is, unless the attribute says so: as a client's. @type {string | undefined} */
  static url;

  /** @type {Clarion | null} */
  #given = null;
  /** @type {Clarion | null} */
  #own = null;
  /** The person of its own client, once a token has named one. @type {string | null} */
  #whose = null;
  /** @type {Clarion | null} */
  #shown = null;
  /** @type {TokenOption | null} */
  #token = null;
  /** By the page. @type {unknown} */
  #changed;
  /** Of its language. @type {SomeWords | undefined} */
  #table;
  /** @type {Words | null} */
  #words = null;
  /** @type {(() => void)[]} */
  #leave = [];

  /** Whose feed is shown. */
  get client() {
    return this.#given ?? this.#own;
  }

  set client(client) {
    if (this.#given === (client ?? null)) return;
    this.#given = client ?? null;
    this.#restart();
  }

  /** A subscriber token, or who asks for a new one; where no `client` is given. */
  get token() {
    return this.#token ?? this.getAttribute("token");
  }

  set token(token) {
    if (this.#token === (token ?? null)) return;
    this.#token = token ?? null;
    this.#tokenChanged();
  }

  /** What the element says. Set some of them to say those otherwise. @returns {Words} */
  get words() {
    const table = wordsOf(this.locale, () => this.render());
    if (!this.#words || table !== this.#table) {
      this.#words = wordsWith(this.#changed, (this.#table = table));
      const direction = this.closest("[dir]") ? "" : this.#words.direction;
      for (const part of this.shadowRoot?.children ?? []) /** @type {HTMLElement} */ (part).dir = direction;
    }
    return this.#words;
  }

  /** @param {SomeWords} words */
  set words(words) {
    this.#changed = words;
    this.#words = null;
    this.render();
  }

  /** Of times, numbers and plurals: `lang` here or above, else the browser's. */
  get locale() {
    return localeOf(this.closest("[lang]")?.getAttribute("lang"));
  }

  /** By the server's clock. */
  now = () => this.client?.now() ?? new Date();

  /** How it says what it says. */
  get manner() {
    return { words: this.words, locale: this.locale, now: this.now };
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
    this.#words = null; // the page around it may be in another language
    this.#restart();
  }

  disconnectedCallback() {
    this.#stop();
    // One that is moved comes back at once
    queueMicrotask(() => this.isConnected || this.#own?.disconnect());
  }

  /** @param {string} name */
  attributeChangedCallback(name) {
    if (name === "words") this.words = /** @type {any} */ (this.getAttribute("words") ?? {});
    else if (name === "token") this.#tokenChanged();
    else if (name === "url") this.#discard();
    else if (this.isConnected) this.render();
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

  /** What was shown, said or asked for is another person's now, or nobody's. @protected */
  forget() {}

  /** Show how things are. @protected */
  render() {}

  #restart() {
    this.#stop();
    if (this.#given || !this.isConnected) this.#own?.disconnect();
    else if (this.token) {
      this.#own ??= this.#make();
      this.#own.connect();
    }
    const client = this.client;
    if (client !== this.#shown) {
      this.#shown = client;
      this.forget();
    }
    if (!this.isConnected) return;
    if (client) this.#leave = [...this.attend(client), client.on("state", (change) => this.#over(change))];
    this.render();
  }

  /** Told by the outermost element only. @param {import("../client/clarion.js").StateChange} detail */
  #over(detail) {
    const isWithin = /** @type {Partial<ShadowRoot>} */ (this.getRootNode()).host instanceof FeedElement;
    if (isWithin || !(isShut(detail) || detail.state === "closed")) return;
    this.dispatchEvent(new CustomEvent(`clarion-${detail.state}`, { detail, bubbles: true, composed: true }));
  }

  #make() {
    const own = new Clarion({
      url: this.getAttribute("url") ?? FeedElement.url,
      token: async () => {
        const token = await tokenOf(own === this.#own && this.token);
        if (own !== this.#own) throw new ClarionError("closed");
        this.#whose ??= personOf(token);
        return token;
      },
    });
    return own;
  }

  #stop() {
    for (const leave of this.#leave.splice(0)) leave();
  }

  /** Of the same person or not: a string says so at once, a function when it is asked. */
  #tokenChanged() {
    const { token } = this;
    if (typeof token !== "function") return this.#belongsTo(token && personOf(token));
    if (!this.#own) return this.#restart();
    const late = new Promise((resolve) => setTimeout(resolve, TOKEN_WITHIN_MS, null));
    Promise.race([tokenOf(token).then(personOf, () => null), late]).then(
      (whose) => token === this.token && this.#belongsTo(whose),
    );
  }

  /** @param {string | null} whose */
  #belongsTo(whose) {
    if (!whose || whose !== this.#whose) this.#discard();
    else if (this.#own && isShut(this.#own.state)) this.#restart(); // it may be good now
  }

  /** Its feed is elsewhere now. */
  #discard() {
    this.#own?.disconnect();
    this.#own = this.#whose = null;
    if (!this.#given) this.#restart();
  }

  /** A property set before the element was defined hides the accessor. @param {string} name */
  #upgrade(name) {
    if (!Object.hasOwn(this, name)) return;
    const value = Reflect.get(this, name);
    Reflect.deleteProperty(this, name);
    Reflect.set(this, name, value);
  }
}

/** @param {TokenOption | null | false} token */
async function tokenOf(token) {
  if (!token) throw new Error("The element has no token.");
  return typeof token === "function" ? token() : token;
}
