import { ClarionError } from "./errors.js";
import {
  COMMAND_RETRY_MS,
  COMMAND_RETRY_WITHIN_MS,
  COMMAND_ATTEMPTS,
  FAST_POLLS,
  POLL_EVERY_MS,
  FAST_POLL_MS,
  SILENCE_MS_PER_HEARTBEAT_S,
} from "./limits.js";
import { ABNORMAL, TOKEN_REFUSED, isFeedFrame, serialize, parseFrame } from "./protocol.js";
import { call } from "./rest.js";
import { timer } from "./timer.js";

/**
 * @typedef {import("./connection-types.js").Link} Link
 * @typedef {import("./frames.js").ServerFrame} ServerFrame
 */

const CHANGE_TIMEOUT_MS = 2_000;

/**
 * What a WebSocket would be where none comes through: server-sent events one way, REST the other. An
 * `EventSource` sends no header, so each begins with a ticket that is good once.
 *
 * A browser has six connections to a host for all its tabs (HTTP/1.1). Tabs that cannot share one
 * stream must not hold one each: they poll by turns instead.
 *
 * @param {string} url
 * @param {boolean} isPersistent  else it is closed when all is told, and opened again after a while
 * @returns {Link}
 */
export function openStream(url, isPersistent) {
  /** @type {EventSource | undefined} */
  let eventSource;
  let token = "";
  let isClosed = false;
  let lastVersion = 0;
  let heardAt = 0;
  let silenceLimitMs = Infinity;
  /** @type {string | undefined} */
  let lastEpoch;
  let isPolling = false;
  let fastPollsLeft = 0;
  const pollTimer = timer();
  /** Answers that wait for what they have changed. @type {Map<() => void, number>} */
  const waitingAnswers = new Map();
  /** Of the commands, which are carried out one after the other. @type {Promise<void>} */
  let commandQueue = Promise.resolve();
  const tokens = { current: async () => token, clear() {} };

  /** @type {Link} */
  const link = {
    onopen: null,
    onmessage: null,
    onclose: null,
    send(text) {
      /** @type {import("./frames.js").ClientFrame} */
      const frame = JSON.parse(text);
      if ("ref" in frame) fastPollsLeft = FAST_POLLS;
      if ("ref" in frame && isPolling) closeUntilNextPoll();
      if (frame.type === "hello") void openEventSource(frame);
      else if (frame.type === "auth") token = frame.token;
      else if (frame.type === "ping") onPing();
      else if (frame.type !== "ack") commandQueue = commandQueue.then(() => execute(frame));
    },
    close() {
      isClosed = true;
      pollTimer();
      eventSource?.close();
    },
  };

  /** As from the server. @param {ServerFrame} frame */
  function emitFrame(frame) {
    if (!isClosed) link.onmessage?.({ data: serialize(frame) });
  }

  /** @param {number} code @param {string} reason */
  function emitClose(code, reason) {
    if (!isClosed) link.onclose?.({ code, reason });
  }

  /** Where it was the token, this link is over and says nothing more. @param {any} error */
  function onCallError({ code }) {
    if (/^token_/.test(code)) emitClose(TOKEN_REFUSED, code);
  }

  /** The server cannot be asked this way: it counts what it has said by itself. */
  function onPing() {
    if (Math.abs(Date.now() - heardAt) < silenceLimitMs) emitFrame({ type: "pong" });
  }

  function onHeartbeat() {
    heardAt = Date.now();
    emitFrame({ type: "pong" });
  }

  /** @param {string} data */
  function onEvent(data) {
    heardAt = Date.now();
    link.onmessage?.({ data });
    const frame = parseFrame(data);
    if (frame.type === "welcome") {
      silenceLimitMs = frame.heartbeat_s * SILENCE_MS_PER_HEARTBEAT_S;
      lastVersion = 0;
      lastEpoch = frame.epoch;
    } else if (isFeedFrame(frame)) lastVersion = Math.max(lastVersion, frame.version ?? 0);
    for (const [answer, version] of waitingAnswers) if (version <= lastVersion) answer();
    if (frame.type === "caught_up" && !isPersistent) closeUntilNextPoll();
  }

  function closeUntilNextPoll() {
    eventSource?.close();
    isPolling = true;
    const again = () => void openEventSource({ type: "hello", since: lastVersion, epoch: lastEpoch });
    pollTimer(fastPollsLeft-- > 0 ? FAST_POLL_MS : POLL_EVERY_MS, again);
  }

  /** @param {import("./frames.js").Hello} hello */
  async function openEventSource({ since, epoch }) {
    eventSource?.close();
    pollTimer();
    isPolling = false;
    try {
      const { ticket } = await call(url, tokens, "tickets", {});
      if (isClosed) return;
      const { search } = new URL(url);
      const address = new URL(`live/sse${search}`, url.replace(/^ws/, "http"));
      address.searchParams.set("ticket", ticket);
      if (since !== undefined) address.searchParams.set("since", `${since}`);
      if (epoch) address.searchParams.set("epoch", epoch);
      eventSource = new EventSource(address);
      eventSource.onmessage = ({ data }) => onEvent(data);
      eventSource.addEventListener("heartbeat", onHeartbeat);
      eventSource.addEventListener("close", ({ data }) => {
        const { code, reason } = JSON.parse(data);
        emitClose(code, reason);
      });
      // By itself it would come back with a ticket that is spent
      eventSource.onerror = () => emitClose(ABNORMAL, "");
    } catch (error) {
      onCallError(error);
      emitClose(ABNORMAL, "");
    }
  }

  /**
   * One that may not have arrived, or came at a bad time, is sent again under the same key, and less
   * often each time; on the next link, where this one is over meanwhile or needs another token.
   *
   * @param {import("./frames.js").CommandFrame} frame
   */
  async function execute({ ref, type, key, ...body }) {
    for (let attempt = 1; !isClosed; attempt++) {
      try {
        if (type === "publish") throw new ClarionError("unsupported", "Publishing needs a WebSocket.");
        const { version = 0 } = await call(url, tokens, `inbox/${type}`, body, key);
        return answerAfter(version, { type: "ok", ref });
      } catch (error) {
        onCallError(error);
        const { code, message, againInMs = Infinity } = /** @type {ClarionError} */ (error);
        if (againInMs > COMMAND_RETRY_WITHIN_MS || attempt >= COMMAND_ATTEMPTS) {
          return emitFrame({ type: "error", ref, code, detail: message });
        }
        const waitMs = Math.max(againInMs, COMMAND_RETRY_MS * 2 ** (attempt - 1));
        await new Promise((resolve) => setTimeout(resolve, waitMs));
      }
    }
  }

  /** The answer comes after what it has changed. @param {number} version @param {ServerFrame} ok */
  function answerAfter(version, ok) {
    const answer = () => {
      if (waitingAnswers.delete(answer)) emitFrame(ok);
    };
    waitingAnswers.set(answer, version);
    if (version <= lastVersion) answer();
    else setTimeout(answer, CHANGE_TIMEOUT_MS);
  }

  queueMicrotask(() => isClosed || link.onopen?.({}));
  return link;
}
