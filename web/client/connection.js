import { Heartbeat } from "./heartbeat.js";
import { closeRule, jittered } from "./return.js";

/**
 * @typedef {import("./frames.js").ClientFrame} ClientFrame
 * @typedef {import("./frames.js").ServerFrame} ServerFrame
 *
 * @typedef {"idle" | "connecting" | "live" | "waiting" | "offline" | "refused" | "closed"} State
 *   `waiting`: lost, comes back by itself; `refused`: will not come back, `detail` says why
 * @typedef {{state: State, code?: string, detail?: string, retryInMs?: number}} StateChange
 *
 * @typedef {object} ConnectionOptions
 * @property {string} url
 * @property {import("./tokens.js").TokenSource} tokens
 * @property {import("./return.js").Backoff} backoff
 * @property {() => void} onOpen  the token has been sent; say hello
 * @property {(frame: ServerFrame) => void} onFrame
 * @property {(change: StateChange) => void} onState
 */

const SUBPROTOCOL = "clarion.v1";
const WELCOME_WITHIN_MS = 15_000;
const STEADY_AFTER_MS = 10_000;
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** One socket after the other to the same feed, until `stop()` or the server says not to return. */
export class Connection {
  /** @type {WebSocket | null} */
  #socket = null;
  #tokens;
  #heartbeat = new Heartbeat({
    ping: () => this.send({ type: "ping" }),
    dead: () => this.#lost(1006),
  });
  /** @type {Map<"return" | "leave" | "renew" | "welcome", ReturnType<typeof setTimeout>>} */
  #timers = new Map();
  /** @type {StateChange} */
  #state = { state: "idle" };
  #attempt = 0;
  #failures = 0;
  #renewed = false;
  #liveSince = Infinity;
  #notBefore = 0;

  /** @param {ConnectionOptions} options */
  constructor(options) {
    this.options = options;
    this.#tokens = options.tokens;
  }

  get state() {
    return this.#state;
  }

  start() {
    if (!["idle", "closed", "refused"].includes(this.#state.state)) return;
    this.#failures = 0;
    this.#notBefore = 0;
    this.#renewed = false;
    addEventListener("online", this.#wake);
    addEventListener("offline", this.#wake);
    addEventListener("pageshow", this.#wake);
    document.addEventListener("visibilitychange", this.#wake);
    void this.#connect();
  }

  stop() {
    this.#end({ state: "closed" });
  }

  /** @param {ClientFrame} frame */
  send(frame) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(frame));
  }

  /** The server knows us. @param {number} heartbeatS */
  welcomed(heartbeatS) {
    this.#cancel("welcome");
    this.#renewed = false;
    this.#heartbeat.expect(heartbeatS * 1000);
  }

  /** The feed is complete and live. */
  live() {
    if (this.#liveSince === Infinity) this.#liveSince = performance.now();
    this.#enter({ state: "live" });
  }

  async #connect() {
    const attempt = ++this.#attempt;
    this.#cancel("return");
    this.#enter({ state: "connecting" });
    let token;
    try {
      token = await this.#tokens.current();
    } catch (error) {
      if (attempt === this.#attempt) this.#comeBack("no_token", sentence(error), 0);
      return;
    }
    if (attempt === this.#attempt) this.#open(token);
  }

  /** @param {string} token */
  #open(token) {
    const socket = new WebSocket(this.options.url, [SUBPROTOCOL]);
    this.#socket = socket;
    this.#after("welcome", WELCOME_WITHIN_MS, () => this.#lost(1006));
    socket.onopen = () => {
      this.send({ type: "auth", token });
      this.#renewLater();
      this.#heartbeat.start();
      this.options.onOpen();
    };
    socket.onmessage = (message) => this.#heard(message.data);
    socket.onclose = (event) => this.#lost(event.code);
  }

  /** @param {unknown} text */
  #heard(text) {
    this.#heartbeat.heard();
    const frame = /** @type {ServerFrame} */ (JSON.parse(String(text)));
    if (frame.type === "reconnect") {
      this.#notBefore = performance.now() + frame.after_ms;
      this.#after("leave", frame.after_ms, () => this.#leave());
    } else if (frame.type !== "pong") {
      this.options.onFrame(frame);
    }
  }

  /** The server wanted us gone by now: on to the next. */
  #leave() {
    this.#drop();
    void this.#connect();
  }

  /** @param {number} closeCode */
  #lost(closeCode) {
    const rule = closeRule(closeCode);
    const lived = performance.now() - this.#liveSince;
    this.#drop();
    if (lived > STEADY_AFTER_MS) this.#failures = 0;
    if (rule.then === "renew") this.#tokens.drop();
    if (rule.then === "stay_away" || (rule.then === "renew" && this.#renewed)) {
      this.#end({ state: "refused", code: rule.code, detail: rule.detail });
    } else if (rule.then === "renew") {
      this.#renewed = true;
      void this.#connect();
    } else {
      this.#comeBack(rule.code, rule.detail, rule.leastMs);
    }
  }

  /**
   * @param {string} code
   * @param {string} detail
   * @param {number} leastMs
   */
  #comeBack(code, detail, leastMs) {
    this.#failures += 1;
    const told = this.#notBefore - performance.now();
    const retryInMs = told > 0 ? told : leastMs + jittered(this.#failures, this.options.backoff);
    if (told <= 0 && leastMs) this.#notBefore = performance.now() + leastMs;
    this.#after("return", retryInMs, () => void this.#connect());
    this.#enter({ state: navigator.onLine ? "waiting" : "offline", code, detail, retryInMs });
  }

  #renewLater() {
    const wait = this.#tokens.renewInMs;
    if (wait < LONGEST_TIMER_MS) this.#after("renew", wait, () => void this.#renew());
  }

  async #renew() {
    const socket = this.#socket;
    try {
      const token = await this.#tokens.current();
      if (socket !== this.#socket) return;
      this.send({ type: "auth", token });
      this.#renewLater();
    } catch {
      // The old token may be good for a while yet; when it is not, the server says 4401.
      if (socket === this.#socket) this.#after("renew", 5_000, () => void this.#renew());
    }
  }

  /** The network or the page came back: look at once, but never earlier than the server said. */
  #wake = () => {
    if (document.visibilityState === "hidden") return;
    const { state } = this.#state;
    if (state === "live") this.#heartbeat.probe();
    else if ((state === "waiting" || state === "offline") && navigator.onLine) {
      if (performance.now() >= this.#notBefore) void this.#connect();
    }
  };

  /** @param {StateChange} last */
  #end(last) {
    this.#attempt += 1;
    this.#drop();
    removeEventListener("online", this.#wake);
    removeEventListener("offline", this.#wake);
    removeEventListener("pageshow", this.#wake);
    document.removeEventListener("visibilitychange", this.#wake);
    this.#enter(last);
  }

  #drop() {
    for (const name of this.#timers.keys()) this.#cancel(name);
    this.#heartbeat.stop();
    this.#liveSince = Infinity;
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }

  /** @param {StateChange} change */
  #enter(change) {
    const same = change.state === this.#state.state && change.state !== "waiting";
    this.#state = change;
    if (!same) this.options.onState(change);
  }

  /**
   * @param {"return" | "leave" | "renew" | "welcome"} name
   * @param {number} ms
   * @param {() => void} act
   */
  #after(name, ms, act) {
    this.#cancel(name);
    this.#timers.set(name, setTimeout(act, ms));
  }

  /** @param {"return" | "leave" | "renew" | "welcome"} name */
  #cancel(name) {
    clearTimeout(this.#timers.get(name));
    this.#timers.delete(name);
  }
}

/** @param {unknown} error */
function sentence(error) {
  return error instanceof Error ? error.message : "No token could be had.";
}
