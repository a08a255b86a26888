import { LAST_WORDS_MS, LEADER_ANSWERS_WITHIN_MS } from "./limits.js";
import { timer } from "./timer.js";

/**
 * @typedef {import("./frames.js").TabFrame} TabFrame
 * @typedef {import("./frames.js").ClientFrame} ClientFrame
 */

/**
 * One connection for all tabs of a browser that show the same feed. The tab that holds a Web Lock
 * leads: it connects and tells the others what it hears, in order. When it closes or crashes the
 * browser gives the lock to the next; a leader that a person's visible tab cannot reach, because its
 * page is frozen, loses it. A browser without Web Locks has a connection for each tab.
 *
 * @param {boolean} share  else this tab leads nobody but itself
 * @param {(frame: TabFrame) => void} onTold  by the leader, from its first `sync` on
 * @param {(frame: ClientFrame) => void} onRequest  of a follower
 */
export function tabs(share, onTold, onRequest) {
  /** @type {BroadcastChannel | null} */
  let channel = null;
  let name = "";
  let leads = false;
  /** Of the leader that is followed; each has a higher one than those before. */
  let term = 0;
  /** Lets go of the lock. @type {(nothing: void) => void} */
  let release = () => {};
  /** @type {(nothing: void) => void} */
  let admitted;
  /** @type {() => void} */
  let deposed;
  const silence = timer();

  /** @param {TabFrame | ClientFrame} frame */
  const post = (frame) => channel?.postMessage({ frame, by: leads && term });

  /** @param {MessageEvent<{frame: any, by: any}>} message */
  function heard({ data: { frame, by } }) {
    if (leads) return by || onRequest(frame);
    // A leader that was replaced while it was frozen may not know yet
    if (frame.type === "sync" && by > term) term = by;
    if (by !== term) return;
    silence();
    onTold(frame);
  }

  /** Ask the leader for all there is; one that does not answer is replaced. */
  function join() {
    if (!channel || leads) return;
    post({ type: "hello" });
    silence(LEADER_ANSWERS_WITHIN_MS, () => request({ steal: true }));
  }

  /** @param {LockOptions} options */
  function request(options) {
    navigator.locks.request(name, options, lead).catch(() => {
      if (!leads) return;
      leave();
      deposed();
    });
  }

  /** Until it is released; at once where this tab has left meanwhile. */
  function lead() {
    if (!channel) return;
    leads = true;
    term = Math.max(Date.now(), term + 1);
    silence();
    admitted();
    return new Promise((resolve) => (release = resolve));
  }

  function leave() {
    leads = false;
    term = 0;
    setTimeout(release, LAST_WORDS_MS); // what it has said last is heard before another leads
    silence();
    channel?.close();
    channel = null;
  }

  return {
    /** Whether the connection is this tab's. */
    leads: () => leads,

    /** To all followers, or to the leader. */
    post,

    join,
    leave,

    /**
     * @param {string | undefined} feed  its name; none cannot be shared
     * @param {{signal: AbortSignal}} waiting  until then
     * @param {() => void} onDeposed  another tab took this leader's place
     * @returns {Promise<void>}  when this tab leads: say `sync`
     */
    admit: (feed, waiting, onDeposed) =>
      new Promise((resolve) => {
        leads ||= !share || !feed || !navigator.locks;
        if (leads) return resolve();
        admitted = resolve;
        deposed = onDeposed;
        name = /** @type {string} */ (feed);
        channel = new BroadcastChannel(name);
        channel.onmessage = heard;
        request(waiting);
        join();
      }),
  };
}
