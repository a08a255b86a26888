import { backoff, slowRetryMs } from "./backoff.js";
import { ClarionError } from "./errors.js";
import { heartbeat } from "./heartbeat.js";
import {
  FIRST_SOCKET_TIMEOUT_MS,
  RENEW_RETRY_MS,
  SOCKETS_BEFORE_STREAM,
  STABLE_AFTER_MS,
  WELCOME_TIMEOUT_MS,
} from "./limits.js";
import { isHidden, isOffline, openSocket } from "./platform.js";
import {
  ABNORMAL,
  TERMINAL_CODES,
  NO_ADDRESS,
  NOT_A_TOKEN,
  REVOKED,
  SIGNED_OUT,
  TOKEN_REFUSED,
  serialize,
  parseFrame,
} from "./protocol.js";
import { openStream } from "./stream.js";
import { timer } from "./timer.js";

/**
 * @typedef {import("./frames.js").ClientFrame} ClientFrame
 * @typedef {import("./frames.js").ServerFrame} ServerFrame
 *
 * @typedef {import("./connection-types.js").Link} Link
 * @typedef {import("./connection-types.js").StateChange} StateChange
 */

const WAKE_EVENTS = ["online", "offline", "pageshow", "visibilitychange"];

/**
 * One link after the other to the same feed, until `end()` or the server says not to return.
 *
 * @param {import("./connection-types.js").ConnectionOptions} options
 * @param {() => void} sayHello  the token has been sent; say hello
 * @param {(frame: ServerFrame) => void} onFrame
 * @param {(change: StateChange) => void} setState
 */
export function connection({ url, tokens, backoff: bounds, group }, sayHello, onFrame, setState) {
  /** @type {Link | null} */
  let link = null;
  /** From `start()` to `end()`. @type {AbortController | null} */
  let lifetime = null;
  const [onAsked, onClosed, onStable, failedMs, mayReturn] = backoff(bounds);
  let attempt = 0;
  let failedSockets = 0;
  /** As the welcome says; none before. */
  let heartbeatS = 0;
  let isWaiting = false;
  let isSignedOut = false;
  /** What comes by itself if nothing else does. */
  const nextTimer = timer();
  const renewalTimer = timer();
  const silenceTimer = timer();
  const [onHeartbeat, probe] = heartbeat(silenceTimer, () => send({ type: "ping" }), onLost);

  /** @param {ClientFrame} frame */
  const send = (frame) => link?.send(serialize(frame));
  const enterConnecting = () => setState({ state: "connecting" });

  async function connect() {
    const ours = closeLink();
    if (!isSignedOut && !group.follows()) enterConnecting();
    try {
      if (!url) throw new ClarionError("no_address", NO_ADDRESS);
      await tokens.current(); // says whose feed it is
      if (ours !== attempt) return;
      await group.elect(tokens.feed(), /** @type {AbortController} */ (lifetime), connect);
      const token = await tokens.current();
      if (ours !== attempt) return;
      if (tokens.refusal()) return tokenRefused(tokens.refusal());
      isSignedOut = false;
      enterConnecting(); // where another tab has led until now, this is news
      const isSocket = failedSockets % (SOCKETS_BEFORE_STREAM + 1) < SOCKETS_BEFORE_STREAM;
      if (isSocket && !failedSockets) nextTimer(FIRST_SOCKET_TIMEOUT_MS, onFirstSocketTimeout);
      else nextTimer(WELCOME_TIMEOUT_MS, onLost);
      link = /** @type {Link | undefined} */ (isSocket && openSocket(url)) || openStream(url, !group.isRefused());
      link.onopen = () => renew(token);
      link.onmessage = ({ data }) => onMessage(parseFrame(data));
      link.onclose = ({ code, reason }) => ours === attempt && onLost(code, reason);
    } catch (error) {
      if (ours === attempt) onTokenError(error);
    }
  }

  /** Tell the token, a newer one each time but the first. @param {string} [first] */
  async function renew(first) {
    const ours = attempt;
    let again = RENEW_RETRY_MS;
    try {
      const token = first ?? (await tokens.renew());
      if (ours !== attempt) return;
      again = tokens.renewInMs();
      send({ type: "auth", token });
      if (first) sayHello();
    } catch {
      // The old token may be good for a while yet; when it is not, the server says 4401. Where the
      // page says that it is over, it has been judged
    }
    if (ours === attempt) renewalTimer(again, () => renew());
  }

  /** @param {unknown} error  of the page, or of what is loaded when it is needed */
  function onTokenError(error) {
    const { code, message } = /** @type {ClarionError} */ (error ?? {});
    if (!(error instanceof ClarionError)) scheduleReconnect("no_token", message, true);
    else if (code === SIGNED_OUT || code === NOT_A_TOKEN) enterSignedOut(code, message);
    else endAsRefused(code, message);
  }

  /** Such a page is asked again, but slowly. @param {string} code @param {string} detail */
  function enterSignedOut(code, detail) {
    closeLink();
    isWaiting = isSignedOut = true;
    nextTimer(slowRetryMs(), connect);
    setState({ state: "signed-out", code, detail });
  }

  /** @param {ServerFrame} frame */
  function onMessage(frame) {
    if (frame.type === "welcome") {
      if (!heartbeatS) nextTimer(STABLE_AFTER_MS, onStable);
      heartbeatS = frame.heartbeat_s;
      tokens.reset();
    } else if (frame.type === "reconnect") {
      const { after_ms = 0 } = frame;
      onAsked(after_ms);
      nextTimer(after_ms, connect);
    }
    if (heartbeatS) onHeartbeat(heartbeatS);
    else if (frame.type === "pong") nextTimer(WELCOME_TIMEOUT_MS, onLost); // something comes through
    onFrame(frame);
  }

  function onLost(closeCode = ABNORMAL, code = "") {
    if (closeCode === ABNORMAL && !heartbeatS && !isOffline()) failedSockets += 1;
    onClosed(closeCode);
    if (closeCode === TOKEN_REFUSED && code !== REVOKED) return void tokenRefused(code || "lost");
    const detail = TERMINAL_CODES[code] ?? TERMINAL_CODES[closeCode];
    code ||= "lost";
    if (!detail) return scheduleReconnect(code);
    tokens.clear();
    endAsRefused(code, detail);
  }

  /** Neither welcome nor end: there may be a proxy between that knows no sockets. */
  function onFirstSocketTimeout() {
    failedSockets = SOCKETS_BEFORE_STREAM - 1;
    onLost();
  }

  /** @param {string} code */
  function tokenRefused(code) {
    const detail = /** @type {string} */ (TERMINAL_CODES[TOKEN_REFUSED]);
    const again = tokens.refuse(code);
    if (again === "now") connect();
    else if (again === "later") scheduleReconnect(code, detail, true);
    else endAsRefused(code, detail);
  }

  /** @param {string} code @param {string} detail */
  const endAsRefused = (code, detail) => end({ state: "refused", code, detail });

  /**
   * @param {string} code
   * @param {string} [detail]
   * @param {boolean} [isOurs]  another tab may do better, by its own token
   */
  function scheduleReconnect(code, detail, isOurs) {
    closeLink();
    if (isOurs) group.resign();
    isWaiting = true;
    const retryInMs = failedMs();
    nextTimer(retryInMs, connect);
    if (group.follows()) return;
    setState({ state: isOffline() ? "offline" : "waiting", code, detail, retryInMs });
  }

  /**
   * The network or the page came back: look at once, but never earlier than the server said.
   *
   * @param {Event & {persisted?: boolean}} event
   */
  function onWake({ persisted }) {
    if (persisted) {
      tokens.clear(); // whoever came back to this page may be somebody else
      if (!isWaiting) connect();
    }
    if (isHidden()) return;
    if (heartbeatS) probe();
    else if (!isWaiting) group.sync();
    else if (!isOffline() && mayReturn()) connect();
  }

  /** @param {StateChange} change  `closed` or `refused` */
  function end(change) {
    closeLink();
    isSignedOut = false;
    lifetime?.abort();
    lifetime = null;
    setState(change);
  }

  /** Whatever is under way is over. @returns {number}  of the next attempt */
  function closeLink() {
    nextTimer();
    renewalTimer();
    silenceTimer();
    heartbeatS = 0;
    isWaiting = false;
    link?.close();
    link = null;
    return ++attempt;
  }

  return {
    start() {
      if (lifetime && !isSignedOut) return;
      lifetime?.abort();
      lifetime = new AbortController();
      for (const name of WAKE_EVENTS) globalThis.addEventListener?.(name, onWake, lifetime);
      isSignedOut = false;
      tokens.reset();
      connect();
    },

    /** Between `start()` and `end()`, but not while nobody is signed in. */
    isOn: () => !!lifetime && !isSignedOut,

    /**
     * Where the page was asked for a token, by whomever: nobody is signed in any more, or somebody else.
     *
     * @param {unknown} error
     * @returns {never}
     */
    fail(error) {
      if (lifetime && error instanceof ClarionError && error.code !== NOT_A_TOKEN) onTokenError(error);
      throw error;
    },

    end,
    send,
  };
}
