import { LOCK_RELEASE_DELAY_MS, LEADER_TIMEOUT_MS, LEADER_SILENCE_MS } from "./limits.js";
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
 * @param {boolean} isShared  else this tab leads nobody but itself
 * @param {(frame: TabFrame) => void} onLeaderFrame  by the leader, from its first `sync` on
 * @param {(frame: ClientFrame) => void} onRequest  of a follower
 */
export function tabs(isShared, onLeaderFrame, onRequest) {
  /** @type {BroadcastChannel | null} */
  let channel = null;
  let name = "";
  let isLeader = false;
  let isCandidate = false;
  let isFollowing = false;
  let isRefused = false;
  /** Of the leader that is followed; each has a higher one than those before. */
  let term = 0;
  /** Of a leader that was told of a higher one. */
  let notifiedTerm = 0;
  /** Lets go of the lock. @type {(nothing: void) => void} */
  let release = () => {};
  /** @type {(nothing: void) => void} */
  let onLeadership;
  /** @type {() => void} */
  let onLeadershipLost;
  const silenceTimer = timer();

  /** @param {TabFrame | ClientFrame} frame */
  const post = (frame) => {
    try {
      channel?.postMessage({ frame, by: isLeader && term, term });
    } catch (error) {
      if (/** @type {Error} */ (error).name === "DataCloneError") throw error; // the page's own data
      goSolo();
    }
  };

  /** @param {MessageEvent<{frame: any, by: any, term?: number}>} message */
  function onMessage({ data: { frame, by, term: known = 0 } }) {
    if (!isLeader) return by && follow(frame, by);
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
    if (by < term && by !== notifiedTerm) {
      // It was replaced while it was frozen and does not know yet; or its clock was set back, and with
      // this it learns of a higher term
      notifiedTerm = by;
      post({ type: "hello" });
    }
    if (frame.type === "sync" && by > term) term = by;
    if (by !== term) return;
    isFollowing = true;
    silenceTimer(LEADER_SILENCE_MS, checkLeader);
    onLeaderFrame(frame);
  }

  /** A hidden tab asks when it is shown. */
  function checkLeader() {
    if (!isHidden()) askLeader({ type: "ping" });
  }

  /** A leader that does not answer is replaced. @param {ClientFrame} frame */
  function askLeader(frame) {
    post(frame);
    silenceTimer(LEADER_TIMEOUT_MS, () => {
      if (!isCandidate) return;
      requestLock({ steal: true });
      silenceTimer(LEADER_TIMEOUT_MS, goSolo); // a browser that has locks and gives none
    });
  }

  /** Ask the leader for all there is. */
  function sync() {
    if (channel && !isLeader) askLeader({ type: "hello" });
  }

  /** @param {LockOptions} options */
  async function requestLock(options) {
    try {
      await locks()?.request(name, options, becomeLeader);
    } catch (error) {
      if (!channel) return;
      if (/** @type {Error} */ (error).name !== "AbortError") return isLeader || goSolo();
      if (!isLeader) return;
      leave();
      onLeadershipLost();
    }
  }

  /** Go on without the others: the browser refuses what tabs agree by. */
  function goSolo() {
    isRefused = true;
    channel?.close();
    channel = null;
    isLeader = true;
    isCandidate = isFollowing = false;
    silenceTimer();
    onLeadership();
  }

  /** Until it is released; at once where this tab has left meanwhile, or leads already. */
  function becomeLeader() {
    if (!isCandidate) return;
    isLeader = true;
    isCandidate = isFollowing = false;
    term = Math.max(Date.now() + Math.random(), term + 1);
    silenceTimer();
    onLeadership();
    return new Promise((resolve) => (release = resolve));
  }

  /** Goes on to follow, while another tab leads; a candidate again with `admit`. */
  function resign() {
    if (!channel || !isLeader) return;
    isLeader = false;
    setTimeout(release, LOCK_RELEASE_DELAY_MS); // what it has said last is heard before another leads
  }

  function leave() {
    resign();
    isLeader = isCandidate = isFollowing = false;
    silenceTimer();
    channel?.close();
    channel = null;
  }

  return {
    /** Whether the connection is this tab's. */
    isLeader: () => isLeader,

    /** Whether it goes on by what another tab hears. */
    follows: () => isFollowing,

    /** Whether it would share, and cannot. */
    isRefused: () => isRefused,

    /** To all followers, or to the leader. */
    post,

    sync,
    leave,
    resign,

    /**
     * @param {string | undefined} feed  its name; none cannot be shared
     * @param {{signal: AbortSignal}} waiting  until then
     * @param {() => void} onDeposed  another tab took this leader's place
     * @returns {Promise<void>}  when this tab leads: say `sync`
     */
    elect: (feed, waiting, onDeposed) =>
      new Promise((resolve) => {
        if (isLeader) return resolve();
        onLeadership = resolve;
        onLeadershipLost = onDeposed;
        if (!isShared || !feed) return resolve(void (isLeader = true));
        if (!locks()) return goSolo();
        name = feed;
        channel ??= openChannel(name) ?? null;
        if (!channel) return goSolo();
        channel.onmessage = onMessage;
        if (!isCandidate) requestLock(waiting);
        isCandidate = true;
        if (!isFollowing) sync();
      }),
  };
}
