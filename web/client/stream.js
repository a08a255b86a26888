import { ClarionError } from "./errors.js";
import {
  COMMAND_AGAIN_MS,
  COMMAND_AGAIN_WITHIN_MS,
  COMMAND_ATTEMPTS,
  POLLS_SOON,
  POLL_EVERY_MS,
  POLL_SOON_MS,
  QUIET_MS_A_HEARTBEAT_S,
} from "./limits.js";
import { ABNORMAL, TOKEN_REFUSED, isOfFeed, json, parsed } from "./protocol.js";
import { call } from "./rest.js";
import { timer } from "./timer.js";

/**
 * @typedef {import("./connection.js").Link} Link
 * @typedef {import("./frames.js").ServerFrame} ServerFrame
 */

const CHANGE_WITHIN_MS = 2_000;

/**
 * What a WebSocket would be where none comes through: server-sent events one way, REST the other. An
 * `EventSource` sends no header, so each begins with a ticket that is good once.
 *
 * A browser has six connections to a host for all its tabs (HTTP/1.1). Tabs that cannot share one
 * stream must not hold one each: they look in turns what is new.
 *
 * @param {string} url
 * @param {boolean} isHeld  else it is closed when all is told, and opened again after a while
 * @returns {Link}
 */
export function openStream(url, isHeld) {
  /** @type {EventSource | undefined} */
  let source;
  let token = "";
  let isOver = false;
  let reached = 0;
  let heardAt = 0;
  let quietMs = Infinity;
  /** @type {string | undefined} */
  let history;
  let isResting = false;
  let soon = 0;
  const next = timer();
  /** Answers that wait for what they have changed. @type {Map<() => void, number>} */
  const early = new Map();
  /** Of the commands, which are carried out one after the other. @type {Promise<void>} */
  let last = Promise.resolve();
  const tokens = { current: async () => token, drop() {} };

  /** @type {Link} */
  const link = {
    onopen: null,
    onmessage: null,
    onclose: null,
    send(text) {
      /** @type {import("./frames.js").ClientFrame} */
      const frame = JSON.parse(text);
      if ("ref" in frame) soon = POLLS_SOON;
      if ("ref" in frame && isResting) rest();
      if (frame.type === "hello") void listen(frame);
      else if (frame.type === "auth") token = frame.token;
      else if (frame.type === "ping") answerPing();
      else if (frame.type !== "ack") last = last.then(() => carryOut(frame));
    },
    close() {
      isOver = true;
      next();
      source?.close();
    },
  };

  /** As from the server. @param {ServerFrame} frame */
  function say(frame) {
    if (!isOver) link.onmessage?.({ data: json(frame) });
  }

  /** @param {number} code @param {string} reason */
  function end(code, reason) {
    if (!isOver) link.onclose?.({ code, reason });
  }

  /** Where it was the token, this link is over and says nothing more. @param {any} error */
  function failed({ code }) {
    if (/^token_/.test(code)) end(TOKEN_REFUSED, code);
  }

  /** The server cannot be asked this way: it counts what it has said by itself. */
  function answerPing() {
    if (Math.abs(Date.now() - heardAt) < quietMs) say({ type: "pong" });
  }

  function beat() {
    heardAt = Date.now();
    say({ type: "pong" });
  }

  /** @param {string} data */
  function hear(data) {
    heardAt = Date.now();
    link.onmessage?.({ data });
    const frame = parsed(data);
    if (frame.type === "welcome") {
      quietMs = frame.heartbeat_s * QUIET_MS_A_HEARTBEAT_S;
      reached = 0;
      history = frame.epoch;
    } else if (isOfFeed(frame)) reached = Math.max(reached, frame.version ?? 0);
    for (const [answer, version] of early) if (version <= reached) answer();
    if (frame.type === "caught_up" && !isHeld) rest();
  }

  function rest() {
    source?.close();
    isResting = true;
    const again = () => void listen({ type: "hello", since: reached, epoch: history });
    next(soon-- > 0 ? POLL_SOON_MS : POLL_EVERY_MS, again);
  }

  /** @param {import("./frames.js").Hello} hello */
  async function listen({ since, epoch }) {
    source?.close();
    next();
    isResting = false;
    try {
      const { ticket } = await call(url, tokens, "tickets", {});
      if (isOver) return;
      const { search } = new URL(url);
      const address = new URL(`live/sse${search}`, url.replace(/^ws/, "http"));
      address.searchParams.set("ticket", ticket);
      if (since !== undefined) address.searchParams.set("since", `${since}`);
      if (epoch) address.searchParams.set("epoch", epoch);
      source = new EventSource(address);
      source.onmessage = ({ data }) => hear(data);
      source.addEventListener("heartbeat", beat);
      source.addEventListener("close", ({ data }) => {
        const { code, reason } = JSON.parse(data);
        end(code, reason);
      });
      // By itself it would come back with a ticket that is spent
      source.onerror = () => end(ABNORMAL, "");
    } catch (error) {
      failed(error);
      end(ABNORMAL, "");
    }
  }

  /**
   * One that may not have arrived, or came at a bad time, is sent again under the same key, and less
   * often each time; on the next link, where this one is over meanwhile or needs another token.
   *
   * @param {import("./frames.js").CommandFrame} frame
   */
  async function carryOut({ ref, type, key, ...body }) {
    for (let attempt = 1; !isOver; attempt++) {
      try {
        if (type === "publish") throw new ClarionError("unsupported", "Publishing needs a WebSocket.");
        const { version = 0 } = await call(url, tokens, `inbox/${type}`, body, key);
        return answerAfter(version, { type: "ok", ref });
      } catch (error) {
        failed(error);
        const { code, message, againInMs = Infinity } = /** @type {ClarionError} */ (error);
        if (againInMs > COMMAND_AGAIN_WITHIN_MS || attempt >= COMMAND_ATTEMPTS) {
          return say({ type: "error", ref, code, detail: message });
        }
        const waitMs = Math.max(againInMs, COMMAND_AGAIN_MS * 2 ** (attempt - 1));
        await new Promise((resolve) => setTimeout(resolve, waitMs));
      }
    }
  }

  /** The answer comes after what it has changed. @param {number} version @param {ServerFrame} ok */
  function answerAfter(version, ok) {
    const answer = () => {
      if (early.delete(answer)) say(ok);
    };
    early.set(answer, version);
    if (version <= reached) answer();
    else setTimeout(answer, CHANGE_WITHIN_MS);
  }

  queueMicrotask(() => isOver || link.onopen?.({}));
  return link;
}
