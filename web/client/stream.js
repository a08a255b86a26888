import { ClarionError } from "./commands.js";
import { call } from "./rest.js";

const CHANGE_WITHIN_MS = 2_000;
const ABNORMAL = 1006;
const TOKEN_REFUSED = 4401;

/**
 * The link where no WebSocket comes through: server-sent events one way, REST the other. An
 * `EventSource` sends no header, so each begins with a ticket that is good once.
 *
 * @param {import("./connection.js").LinkOptions} options
 * @returns {import("./connection.js").Link}
 */
export function openStream({ url, token, opened, heard, closed }) {
  /** @type {EventSource | undefined} */
  let source;
  let over = false;
  let reached = 0;
  /** Answers that wait for what they have changed. @type {Map<() => void, number>} */
  const early = new Map();
  const tokens = { current: async () => token, drop() {} };

  /** @param {string} data */
  function hear(data) {
    const frame = JSON.parse(data);
    heard(frame);
    if (frame.type !== "welcome") reached = Math.max(reached, frame.version ?? 0);
    for (const [answer, version] of early) if (version <= reached) answer();
  }

  /** @param {number} [since] */
  async function listen(since) {
    source?.close();
    try {
      const { ticket } = await call(url, tokens, "tickets", {});
      if (over) return;
      const address = new URL("live/sse", url.replace(/^ws/, "http"));
      address.searchParams.set("ticket", ticket);
      if (since !== undefined) address.searchParams.set("since", `${since}`);
      source = new EventSource(address);
      source.onmessage = ({ data }) => hear(data);
      source.addEventListener("close", ({ data }) => {
        const { code, reason } = JSON.parse(data);
        closed(code, reason);
      });
      // By itself it would come back with a ticket that is spent
      source.onerror = () => closed(ABNORMAL, "");
    } catch (error) {
      const { code } = /** @type {import("./commands.js").ClarionError} */ (error);
      const refused = code.startsWith("token_");
      if (!over) closed(refused ? TOKEN_REFUSED : ABNORMAL, refused ? code : "");
    }
  }

  /** @param {import("./frames.js").CommandFrame} frame */
  async function carryOut({ ref, type, ...body }) {
    try {
      if (type === "publish") throw new ClarionError("unsupported", "Publishing needs a WebSocket.");
      const { version = 0 } = await call(url, tokens, `inbox/${type}`, body);
      const answer = () => {
        if (early.delete(answer) && !over) heard({ type: "ok", ref });
      };
      early.set(answer, version);
      if (version <= reached) answer();
      else setTimeout(answer, CHANGE_WITHIN_MS);
    } catch (error) {
      const { code, message } = /** @type {import("./commands.js").ClarionError} */ (error);
      // One that did not arrive is sent again on the next link
      if (!over && code !== "unreachable") heard({ type: "error", ref, code, detail: message });
    }
  }

  queueMicrotask(() => over || opened());
  return {
    send(frame) {
      if (frame.type === "hello") void listen(frame.since);
      else if (frame.type === "auth") token = frame.token;
      else if (frame.type === "ping") heard({ type: "pong" });
      else if (frame.type !== "ack") void carryOut(frame);
    },
    close() {
      over = true;
      source?.close();
    },
  };
}
