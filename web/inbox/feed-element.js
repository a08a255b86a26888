import { Clarion, ClarionError, isShut, personOf } from "../client/clarion.js";
import { localeOf } from "./locale.js";
import { Base } from "./platform.js";
import { formatMessage, translationFor, withOverrides } from "./messages.js";

/**
 * @typedef {import("./messages.js").Words} Words
 * @typedef {import("./messages.js").SomeWords} SomeWords
 * @typedef {import("../client/tokens.js").TokenOption} TokenOption
 */

/** Then whose feed it is to be is not known, and nobody's is shown. */
const TOKEN_TIMEOUT_MS = 10_000;

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
  #givenClient = null;
  /** @type {Clarion | null} */
  #ownClient = null;
  /** The person of its own client, once a token has named one. @type {string | null} */
  #ownPerson = null;
  /** @type {Clarion | null} */
  #shownClient = null;
  /** @type {TokenOption | null} */
  #token = null;
  /** By the page. @type {unknown} */
  #overrides;
  /** Of its language. @type {SomeWords | undefined} */
  #translation;
  /** @type {Words | null} */
  #words = null;
  /** @type {(() => void)[]} */
  #unsubscribes = [];

  /** Whose feed is shown. */
  get client() {
    return this.#givenClient ?? this.#ownClient;
  }

  set client(client) {
    if (this.#givenClient === (client ?? null)) return;
    this.#givenClient = client ?? null;
    this.#restart();
  }

  /** A subscriber token, or who asks for a new one; where no `client` is given. */
  get token() {
    return this.#token ?? this.getAttribute("token");
  }

  set token(token) {
    if (this.#token === (token ?? null)) return;
    this.#token = token ?? null;
    this.#onTokenChanged();
  }

  /** What the element says. Set some of them to say those otherwise. @returns {Words} */
  get words() {
    const table = translationFor(this.locale, () => this.render());
    if (!this.#words || table !== this.#translation) {
      this.#words = withOverrides(this.#overrides, (this.#translation = table));
      const direction = this.closest("[dir]") ? "" : this.#words.direction;
      for (const part of this.shadowRoot?.children ?? []) /** @type {HTMLElement} */ (part).dir = direction;
    }
    return this.#words;
  }

  /** @param {SomeWords} words */
  set words(words) {
    this.#overrides = words;
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
  get formatting() {
    return { words: this.words, locale: this.locale, now: this.now };
  }

  /**
   * @param {import("./messages.js").Phrase} phrase
   * @param {Record<string, string | number>} values
   */
  fill(phrase, values) {
    return formatMessage(phrase, values, this.locale);
  }

  connectedCallback() {
    for (const name of ["client", "token", "words"]) this.#upgradeProperty(name);
    this.#words = null; // the page around it may be in another language
    this.#restart();
  }

  disconnectedCallback() {
    this.#stop();
    // One that is moved comes back at once
    queueMicrotask(() => this.isConnected || this.#ownClient?.disconnect());
  }

  /** @param {string} name */
  attributeChangedCallback(name) {
    if (name === "words") this.words = /** @type {any} */ (this.getAttribute("words") ?? {});
    else if (name === "token") this.#onTokenChanged();
    else if (name === "url") this.#discardOwnClient();
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
    if (this.#givenClient || !this.isConnected) this.#ownClient?.disconnect();
    else if (this.token) {
      this.#ownClient ??= this.#createClient();
      this.#ownClient.connect();
    }
    const client = this.client;
    if (client !== this.#shownClient) {
      this.#shownClient = client;
      this.forget();
    }
    if (!this.isConnected) return;
    if (client) this.#unsubscribes = [...this.attend(client), client.on("state", (change) => this.#onClosed(change))];
    this.render();
  }

  /** Told by the outermost element only. @param {import("../client/clarion.js").StateChange} detail */
  #onClosed(detail) {
    const isWithin = /** @type {Partial<ShadowRoot>} */ (this.getRootNode()).host instanceof FeedElement;
    if (isWithin || !(isShut(detail) || detail.state === "closed")) return;
    this.dispatchEvent(new CustomEvent(`clarion-${detail.state}`, { detail, bubbles: true, composed: true }));
  }

  #createClient() {
    const own = new Clarion({
      url: this.getAttribute("url") ?? FeedElement.url,
      token: async () => {
        const token = await tokenOf(own === this.#ownClient && this.token);
        if (own !== this.#ownClient) throw new ClarionError("closed");
        this.#ownPerson ??= personOf(token);
        return token;
      },
    });
    return own;
  }

  #stop() {
    for (const leave of this.#unsubscribes.splice(0)) leave();
  }

  /** Of the same person or not: a string says so at once, a function when it is asked. */
  #onTokenChanged() {
    const { token } = this;
    if (typeof token !== "function") return this.#onPerson(token && personOf(token));
    if (!this.#ownClient) return this.#restart();
    const late = new Promise((resolve) => setTimeout(resolve, TOKEN_TIMEOUT_MS, null));
    Promise.race([tokenOf(token).then(personOf, () => null), late]).then(
      (person) => token === this.token && this.#onPerson(person),
    );
  }

  /** @param {string | null} person */
  #onPerson(person) {
    if (!person || person !== this.#ownPerson) this.#discardOwnClient();
    else if (this.#ownClient && isShut(this.#ownClient.state)) this.#restart(); // it may be good now
  }

  /** Its feed is elsewhere now. */
  #discardOwnClient() {
    this.#ownClient?.disconnect();
    this.#ownClient = this.#ownPerson = null;
    if (!this.#givenClient) this.#restart();
  }

  /** A property set before the element was defined hides the accessor. @param {string} name */
  #upgradeProperty(name) {
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
