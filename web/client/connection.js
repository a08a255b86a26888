import { heartbeat } from "./heartbeat.js";
import { ending, jittered } from "./return.js";
import { openSocket } from "./socket.js";

/**
 * @typedef {import("./frames.js").ClientFrame} ClientFrame
 * @typedef {import("./frames.js").ServerFrame} ServerFrame
 *
 * @typedef {"idle" | "connecting" | "live" | "waiting" | "offline" | "refused" | "closed"} State
 *   `waiting`: lost, comes back by itself; `refused`: will not come back, `detail` says why
 * @typedef {{state: State, code?: string, detail?: string, retryInMs?: number}} StateChange
 *
 * @typedef {object} Link  An open way to the server.
 * @property {(frame: ClientFrame) => void} send
 * @property {() => void} close  nothing more is heard of it
 *
 * @typedef {object} LinkOptions
 * @property {string} url
 * @property {string} token
 * @property {() => void} opened  it takes frames now
 * @property {(frame: ServerFrame) => void} heard
 * @property {(code: number, reason: string) => void} closed
 *
 * @typedef {object} ConnectionOptions
 * @property {string} url
 * @property {import("./tokens.js").TokenSource} tokens
 * @property {import("./return.js").Backoff} backoff
 * @property {(token: string) => Promise<void>} admit  when it is ours to connect; rejects for good
 * @property {() => void} onOpen  the token has been sent; say hello
 * @property {(frame: ServerFrame) => void} onFrame
 * @property {(change: StateChange) => void} onState
 */

const WELCOME_WITHIN_MS = 15_000;
const STEADY_AFTER_MS = 10_000;
const RENEW_AGAIN_MS = 5_000;
const LONGEST_TIMER_MS = 2 ** 31 - 1;
const ABNORMAL = 1006;
const SOCKETS_BEFORE_STREAM = 3;

/**
 * One link after the other to the same feed, until `end()` or the server says not to return.
 *
 * @param {ConnectionOptions} options
 */
export function connection({ url, tokens, backoff, admit, onOpen, onFrame, onState }) {
  /** @type {Link | null} */
  let link = null;
  /** @type {State} */
  let state = "idle";
  /** @type {AbortController} */
  let listening;
  /** @type {Record<string, ReturnType<typeof setTimeout>>} */
  const timers = {};
  let attempt = 0;
  let failures = 0;
  let renewed = false;
  let greeted = false;
  let unopened = 0;
  let liveSince = Infinity;
  let notBefore = 0;
  const pulse = heartbeat(
    () => send({ type: "ping" }),
    () => lost(ABNORMAL, ""),
  );

  /** @param {ClientFrame} frame */
  const send = (frame) => link?.send(frame);
  const now = () => performance.now();

  /** @param {StateChange} change */
  function enter(change) {
    state = change.state;
    onState(change);
  }

  /** @param {string} name @param {number} ms @param {() => void} act */
  function after(name, ms, act) {
    clearTimeout(timers[name]);
    timers[name] = setTimeout(act, ms);
  }

  async function connect() {
    drop();
    const ours = ++attempt;
    enter({ state: "connecting" });
    try {
      await admitted(ours, await tokens.current());
      // What waited for its turn may find that its token has aged
      const token = await tokens.current();
      await admitted(ours, token);
      const streaming = unopened >= SOCKETS_BEFORE_STREAM;
      const open = streaming ? (await import("./stream.js")).openStream : openSocket;
      if (ours !== attempt) return;
      link = open({ url, token, opened: () => opened(token), heard, closed: lost });
      after("welcome", WELCOME_WITHIN_MS, () => lost(ABNORMAL, ""));
    } catch (error) {
      if (ours === attempt) comeBack("no_token", told(error).detail, 0);
    }
  }

  /** @param {number} ours @param {string} token */
  async function admitted(ours, token) {
    try {
      if (ours === attempt) await admit(token);
    } catch (error) {
      if (ours === attempt) end({ state: "refused", ...told(error) });
    }
  }

  /** @param {string} token */
  function opened(token) {
    send({ type: "auth", token });
    renewLater();
    pulse.start();
    onOpen();
  }

  /** @param {ServerFrame} frame */
  function heard(frame) {
    pulse.heard();
    if (frame.type === "reconnect") {
      notBefore = now() + frame.after_ms;
      after("leave", frame.after_ms, connect);
    } else if (frame.type !== "pong") onFrame(frame);
  }

  /** @param {number} closeCode @param {string} reason */
  function lost(closeCode, reason) {
    const { then, code, detail, leastMs } = ending(closeCode, reason);
    if (now() - liveSince > STEADY_AFTER_MS) failures = 0;
    if (closeCode === ABNORMAL && !greeted && navigator.onLine) {
      unopened = unopened >= SOCKETS_BEFORE_STREAM ? 0 : unopened + 1;
    }
    drop();
    if (then !== "retry") tokens.drop();
    if (then === "stay_away" || (then === "renew" && renewed)) end({ state: "refused", code, detail });
    else if (then === "renew") {
      renewed = true;
      connect();
    } else comeBack(code, detail, leastMs);
  }

  /** @param {string} code @param {string} detail @param {number} leastMs */
  function comeBack(code, detail, leastMs) {
    failures += 1;
    const wait = notBefore - now();
    const retryInMs = wait > 0 ? wait : leastMs + jittered(failures, backoff);
    if (wait <= 0 && leastMs) notBefore = now() + leastMs;
    after("return", retryInMs, connect);
    enter({ state: navigator.onLine ? "waiting" : "offline", code, detail, retryInMs });
  }

  function renewLater() {
    const wait = tokens.renewInMs();
    if (wait < LONGEST_TIMER_MS) after("renew", wait, renew);
  }

  async function renew() {
    const old = link;
    try {
      const token = await tokens.current();
      if (old !== link) return;
      send({ type: "auth", token });
      renewLater();
    } catch {
      // The old token may be good for a while yet; when it is not, the server says 4401.
      if (old === link) after("renew", RENEW_AGAIN_MS, renew);
    }
  }

  /** The network or the page came back: look at once, but never earlier than the server said. */
  function wake() {
    if (document.visibilityState === "hidden") return;
    if (state === "live") pulse.probe();
    else if ((state === "waiting" || state === "offline") && navigator.onLine && now() >= notBefore) {
      connect();
    }
  }

  /** @param {StateChange} change  `closed` or `refused` */
  function end(change) {
    attempt += 1;
    drop();
    listening?.abort();
    enter(change);
  }

  function drop() {
    for (const name in timers) clearTimeout(timers[name]);
    pulse.stop();
    liveSince = Infinity;
    greeted = false;
    link?.close();
    link = null;
  }

  return {
    start() {
      if (!["idle", "closed", "refused"].includes(state)) return;
      failures = notBefore = unopened = 0;
      renewed = false;
      listening = new AbortController();
      const { signal } = listening;
      for (const name of ["online", "offline", "pageshow"]) addEventListener(name, wake, { signal });
      for (const name of ["visibilitychange", "resume"]) document.addEventListener(name, wake, { signal });
      connect();
    },

    /** Begin again, after another tab has taken over. */
    restart: connect,

    end,

    send,

    /** The server knows us. @param {number} heartbeatS */
    welcomed(heartbeatS) {
      clearTimeout(timers["welcome"]);
      renewed = false;
      greeted = true;
      pulse.start(heartbeatS * 1000);
    },

    /** The feed is complete and live. */
    live() {
      liveSince = Math.min(liveSince, now());
      enter({ state: "live" });
    },
  };
}

/** @param {unknown} error @returns {{code: string, detail: string}} */
function told(error) {
  const { code = "failed", message = "No token could be had." } = /** @type {any} */ (error ?? {});
  return { code, detail: message };
}
