import { ClarionError } from "./errors.js";
import { heartbeat } from "./heartbeat.js";
import {
  CALM_DOWN_MS,
  FIRST_SOCKET_WITHIN_MS,
  RENEW_AGAIN_MS,
  SLOW_RETRY_MS,
  SOCKETS_BEFORE_STREAM,
  STEADY_AFTER_MS,
  WELCOME_WITHIN_MS,
} from "./limits.js";
import { isHidden, isOffline, openSocket } from "./platform.js";
import {
  ABNORMAL,
  FINAL,
  NO_ADDRESS,
  NOT_A_TOKEN,
  REVOKED,
  SIGNED_OUT,
  TOKEN_REFUSED,
  TOO_MANY_FRAMES,
  TOO_MANY_SESSIONS,
  json,
  parsed,
} from "./protocol.js";
import { openStream } from "./stream.js";
import { now, timer } from "./timer.js";

/**
 * @typedef {import("./frames.js").ClientFrame} ClientFrame
 * @typedef {import("./frames.js").ServerFrame} ServerFrame
 *
 * @typedef {"idle" | "connecting" | "live" | "waiting" | "offline" | "signed-out" | "refused"
 *   | "closed"} State
 *   `waiting`: lost, comes back by itself; `signed-out`: the page has no token, and is asked again
 *   when it is shown, and once a minute; `refused`: will not come back, `detail` says why
 * @typedef {{state: State, code?: string, detail?: string, retryInMs?: number}} StateChange
 *
 * @typedef {{baseMs?: number, capMs?: number}} Backoff
 *
 * @typedef {object} Link  As much of a WebSocket as is needed.
 * @property {((event: any) => void) | null} onopen
 * @property {((event: {data: string}) => void) | null} onmessage
 * @property {((event: {code: number, reason: string}) => unknown) | null} onclose
 * @property {(frame: string) => void} send
 * @property {() => void} close
 *
 * @typedef {object} ConnectionOptions
 * @property {string} url
 * @property {import("./tokens.js").TokenSource} tokens
 * @property {Backoff} [backoff]
 * @property {Pick<ReturnType<typeof import("./tabs.js").tabs>,
 *   "admit" | "join" | "resign" | "follows" | "isRefused">} others  say when it is ours to connect
 */

const slowly = () => (SLOW_RETRY_MS * (1 + Math.random())) / 2;

const WAKING = ["online", "offline", "pageshow", "visibilitychange"];

/**
 * One link after the other to the same feed, until `end()` or the server says not to return.
 *
 * @param {ConnectionOptions} options
 * @param {() => void} ask  the token has been sent; say hello
 * @param {(frame: ServerFrame) => void} hear
 * @param {(change: StateChange) => void} enter
 */
export function connection({ url, tokens, backoff: { baseMs = 500, capMs = 30_000 } = {}, others }, ask, hear, enter) {
  /** @type {Link | null} */
  let link = null;
  /** From `start()` to `end()`. @type {AbortController | null} */
  let listening = null;
  let attempt = 0;
  let failures = 0;
  let unopened = 0;
  let notBefore = 0;
  /** As the welcome says; none before. */
  let heartbeatS = 0;
  let isResting = false;
  let isSignedOut = false;
  /** What comes by itself if nothing else does. */
  const next = timer();
  const renewal = timer();
  const silence = timer();
  const [beat, probe] = heartbeat(silence, () => send({ type: "ping" }), lost);

  /** @param {ClientFrame} frame */
  const send = (frame) => link?.send(json(frame));
  const begin = () => enter({ state: "connecting" });

  async function connect() {
    const ours = drop();
    if (!isSignedOut && !others.follows()) begin();
    try {
      if (!url) throw new ClarionError("no_address", NO_ADDRESS);
      await tokens.current(); // says whose feed it is
      if (ours !== attempt) return;
      await others.admit(tokens.feed(), /** @type {AbortController} */ (listening), connect);
      const token = await tokens.current();
      if (ours !== attempt) return;
      if (tokens.refusal()) return tokenRefused(tokens.refusal());
      isSignedOut = false;
      begin(); // where another tab has led until now, this is news
      const isSocket = unopened % (SOCKETS_BEFORE_STREAM + 1) < SOCKETS_BEFORE_STREAM;
      if (isSocket && !unopened) next(FIRST_SOCKET_WITHIN_MS, swallowed);
      else next(WELCOME_WITHIN_MS, lost);
      link = /** @type {Link | undefined} */ (isSocket && openSocket(url)) || openStream(url, !others.isRefused());
      link.onopen = () => renew(token);
      link.onmessage = ({ data }) => heard(parsed(data));
      link.onclose = ({ code, reason }) => ours === attempt && lost(code, reason);
    } catch (error) {
      if (ours === attempt) noToken(error);
    }
  }

  /** Tell the token, a newer one each time but the first. @param {string} [first] */
  async function renew(first) {
    const ours = attempt;
    let again = RENEW_AGAIN_MS;
    try {
      const token = first ?? (await tokens.renewed());
      if (ours !== attempt) return;
      again = tokens.renewInMs();
      send({ type: "auth", token });
      if (first) ask();
    } catch {
      // The old token may be good for a while yet; when it is not, the server says 4401. Where the
      // page says that it is over, it has been judged
    }
    if (ours === attempt) renewal(again, () => renew());
  }

  /** @param {unknown} error  of the page, or of what is loaded when it is needed */
  function noToken(error) {
    const { code, message } = /** @type {ClarionError} */ (error ?? {});
    if (!(error instanceof ClarionError)) comeBack("no_token", message, true);
    else if (code === SIGNED_OUT || code === NOT_A_TOKEN) signedOut(code, message);
    else refused(code, message);
  }

  /** Such a page is asked again, but slowly. @param {string} code @param {string} detail */
  function signedOut(code, detail) {
    drop();
    isResting = isSignedOut = true;
    next(slowly(), connect);
    enter({ state: "signed-out", code, detail });
  }

  /** @param {ServerFrame} frame */
  function heard(frame) {
    if (frame.type === "welcome") {
      if (!heartbeatS) next(STEADY_AFTER_MS, () => (failures = 0));
      heartbeatS = frame.heartbeat_s;
      tokens.forget();
    } else if (frame.type === "reconnect") {
      const { after_ms = 0 } = frame;
      notBefore = now() + after_ms;
      next(after_ms, connect);
    }
    if (heartbeatS) beat(heartbeatS);
    else if (frame.type === "pong") next(WELCOME_WITHIN_MS, lost); // something comes through
    hear(frame);
  }

  function lost(closeCode = ABNORMAL, code = "") {
    if (closeCode === ABNORMAL && !heartbeatS && !isOffline()) {
      unopened += 1;
    }
    if (closeCode === TOO_MANY_FRAMES) notBefore = now() + CALM_DOWN_MS;
    if (closeCode === TOO_MANY_SESSIONS) notBefore = now() + slowly();
    if (closeCode === TOKEN_REFUSED && code !== REVOKED) return void tokenRefused(code || "lost");
    const detail = FINAL[code] ?? FINAL[closeCode];
    code ||= "lost";
    if (!detail) return comeBack(code);
    tokens.drop();
    refused(code, detail);
  }

  /** Neither welcome nor end: there may be a proxy between that knows no sockets. */
  function swallowed() {
    unopened = SOCKETS_BEFORE_STREAM - 1;
    lost();
  }

  /** @param {string} code */
  function tokenRefused(code) {
    const detail = /** @type {string} */ (FINAL[TOKEN_REFUSED]);
    const again = tokens.refuse(code);
    if (again === "now") connect();
    else if (again === "later") comeBack(code, detail, true);
    else refused(code, detail);
  }

  /** @param {string} code @param {string} detail */
  function refused(code, detail) {
    end({ state: "refused", code, detail });
  }

  /**
   * Full jitter: any time from now to a bound that doubles with each failure, so that a crowd that
   * lost one server does not come back as one; after what the server has asked for.
   *
   * @param {string} code
   * @param {string} [detail]
   * @param {boolean} [isOurs]  another tab may do better, by its own token
   */
  function comeBack(code, detail, isOurs) {
    drop();
    if (isOurs) others.resign();
    isResting = true;
    const jittered = Math.random() * Math.min(capMs, baseMs * 2 ** ++failures);
    const retryInMs = jittered + Math.max(0, notBefore - now());
    next(retryInMs, connect);
    if (others.follows()) return;
    enter({ state: isOffline() ? "offline" : "waiting", code, detail, retryInMs });
  }

  /**
   * The network or the page came back: look at once, but never earlier than the server said.
   *
   * @param {Event & {persisted?: boolean}} event
   */
  function wake({ persisted }) {
    if (persisted) {
      tokens.drop(); // whoever came back to this page may be somebody else
      if (!isResting) connect();
    }
    if (isHidden()) return;
    if (heartbeatS) probe();
    else if (!isResting) others.join();
    else if (!isOffline() && now() >= notBefore) connect();
  }

  /** @param {StateChange} change  `closed` or `refused` */
  function end(change) {
    drop();
    isSignedOut = false;
    for (const name of WAKING) globalThis.removeEventListener?.(name, wake);
    listening?.abort();
    listening = null;
    enter(change);
  }

  /** Whatever is under way is over. @returns {number}  of the next attempt */
  function drop() {
    next();
    renewal();
    silence();
    heartbeatS = 0;
    isResting = false;
    link?.close();
    link = null;
    return ++attempt;
  }

  return {
    start() {
      if (listening && !isSignedOut) return;
      listening?.abort();
      listening = new AbortController();
      for (const name of WAKING) globalThis.addEventListener?.(name, wake);
      isSignedOut = false;
      tokens.forget();
      connect();
    },

    /** Between `start()` and `end()`, but not while nobody is signed in. */
    isOn: () => !!listening && !isSignedOut,

    /**
     * Where the page was asked for a token, by whomever: nobody is signed in any more, or somebody else.
     *
     * @param {unknown} error
     * @returns {never}
     */
    judge(error) {
      if (listening && error instanceof ClarionError && error.code !== NOT_A_TOKEN) noToken(error);
      throw error;
    },

    end,
    send,
  };
}
