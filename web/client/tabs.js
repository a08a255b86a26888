import { LAST_WORDS_MS, LEADER_ANSWERS_WITHIN_MS, LEADER_QUIET_MS } from "./limits.js";
import { isHidden, locks, openChannel } from "./platform.js";
import { timer } from "./timer.js";

/**
 * @typedef {import("./frames.js").TabFrame} TabFrame
 * @typedef {import("./frames.js").ClientFrame} ClientFrame
 */

/**
 * One connection for all tabs of a browser that show the same feed. The tab that holds a Web Lock
 * leads: it connects, by its own token, and tells the others what it hears, in order. When it closes
 * or crashes the browser gives the lock to the next; a leader that is refused or gets no token gives
 * it up; one that a person's visible tab cannot reach, because its page is frozen, loses it. Where a
 * browser has no locks or refuses what tabs agree by, each tab has a connection of its own.
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
  let isCandidate = false;
  let isTold = false;
  let isRefused = false;
  /** Of the leader that is followed; each has a higher one than those before. */
  let term = 0;
  /** Of a leader that was told of a higher one. */
  let told = 0;
  /** Lets go of the lock. @type {(nothing: void) => void} */
  let release = () => {};
  /** @type {(nothing: void) => void} */
  let admitted;
  /** @type {() => void} */
  let deposed;
  const silence = timer();

  /** @param {TabFrame | ClientFrame} frame */
  const post = (frame) => {
    try {
      channel?.postMessage({ frame, by: leads && term, term });
    } catch (error) {
      if (/** @type {Error} */ (error).name === "DataCloneError") throw error; // the page's own data
      alone();
    }
  };

  /** @param {MessageEvent<{frame: any, by: any, term?: number}>} message */
  function heard({ data: { frame, by, term: known = 0 } }) {
    if (!leads) return by && follow(frame, by);
    if (by) return;
    if (known > term) {
      // The clock was set back since a leader before this one
      term = known + 1;
      onRequest({ type: "hello" });
    }
    if (frame.type === "ping") post({ type: "pong" });
    else onRequest(frame);
  }

  /** @param {TabFrame} frame @param {number} by */
  function follow(frame, by) {
    if (by < term && by !== told) {
      // It was replaced while it was frozen and does not know yet; or its clock was set back, and with
      // this it learns of a higher term
      told = by;
      post({ type: "hello" });
    }
    if (frame.type === "sync" && by > term) term = by;
    if (by !== term) return;
    isTold = true;
    silence(LEADER_QUIET_MS, watch);
    onTold(frame);
  }

  /** A hidden tab asks when it is shown. */
  function watch() {
    if (!isHidden()) ask({ type: "ping" });
  }

  /** A leader that does not answer is replaced. @param {ClientFrame} frame */
  function ask(frame) {
    post(frame);
    silence(LEADER_ANSWERS_WITHIN_MS, () => {
      if (!isCandidate) return;
      request({ steal: true });
      silence(LEADER_ANSWERS_WITHIN_MS, alone); // a browser that has locks and gives none
    });
  }

  /** Ask the leader for all there is. */
  function join() {
    if (channel && !leads) ask({ type: "hello" });
  }

  /** @param {LockOptions} options */
  async function request(options) {
    try {
      await locks()?.request(name, options, lead);
    } catch (error) {
      if (!channel) return;
      if (/** @type {Error} */ (error).name !== "AbortError") return leads || alone();
      if (!leads) return;
      leave();
      deposed();
    }
  }

  /** Go on without the others: the browser refuses what tabs agree by. */
  function alone() {
    isRefused = true;
    channel?.close();
    channel = null;
    leads = true;
    isCandidate = isTold = false;
    silence();
    admitted();
  }

  /** Until it is released; at once where this tab has left meanwhile, or leads already. */
  function lead() {
    if (!isCandidate) return;
    leads = true;
    isCandidate = isTold = false;
    term = Math.max(Date.now() + Math.random(), term + 1);
    silence();
    admitted();
    return new Promise((resolve) => (release = resolve));
  }

  /** Goes on to follow, while another tab leads; a candidate again with `admit`. */
  function resign() {
    if (!channel || !leads) return;
    leads = false;
    setTimeout(release, LAST_WORDS_MS); // what it has said last is heard before another leads
  }

  function leave() {
    resign();
    leads = isCandidate = isTold = false;
    silence();
    channel?.close();
    channel = null;
  }

  return {
    /** Whether the connection is this tab's. */
    leads: () => leads,

    /** Whether it goes on by what another tab hears. */
    follows: () => isTold,

    /** Whether it would share, and cannot. */
    isRefused: () => isRefused,

    /** To all followers, or to the leader. */
    post,

    join,
    leave,
    resign,

    /**
     * @param {string | undefined} feed  its name; none cannot be shared
     * @param {{signal: AbortSignal}} waiting  until then
     * @param {() => void} onDeposed  another tab took this leader's place
     * @returns {Promise<void>}  when this tab leads: say `sync`
     */
    admit: (feed, waiting, onDeposed) =>
      new Promise((resolve) => {
        if (leads) return resolve();
        admitted = resolve;
        deposed = onDeposed;
        if (!share || !feed) return resolve(void (leads = true));
        if (!locks()) return alone();
        name = feed;
        channel ??= openChannel(name) ?? null;
        if (!channel) return alone();
        channel.onmessage = heard;
        if (!isCandidate) request(waiting);
        isCandidate = true;
        if (!isTold) join();
      }),
  };
}
