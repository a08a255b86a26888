import { settleCommand, registerCommand } from "./commands.js";
import { connection } from "./connection.js";
import { ClarionError } from "./errors.js";
import { feed } from "./feed.js";
import { withPending, pendingUnreadCount } from "./optimistic.js";
import { ACKNOWLEDGE_AFTER_MS } from "./limits.js";
import { liveUrl } from "./platform.js";
import { isShut, REVOKED } from "./protocol.js";
import { publisher } from "./publish.js";
import { tabs } from "./tabs.js";
import { tokenSource } from "./tokens.js";

/**
 * @typedef {import("./clarion.js").Events} Events
 * @typedef {import("./clarion.js").Options} Options
 * @typedef {import("./frames.js").ClientFrame} ClientFrame
 * @typedef {import("./frames.js").Item} Item
 * @typedef {import("./frames.js").FeedFrame} FeedFrame
 * @typedef {import("./frames.js").PublishFrame} PublishFrame
 * @typedef {import("./frames.js").TabFrame} TabFrame
 * @typedef {import("./connection-types.js").StateChange} StateChange
 * @typedef {import("./commands.js").Command} Command
 * @typedef {<Name extends keyof Events>(name: Name, detail?: Events[Name]) => void} Emit
 */

const RESTORED = "The inbox was restored from a backup.";

/**
 * A feed that is kept live: by this tab's connection, or by what the leader's tab hears.
 *
 * @param {Options} options
 * @param {Emit} emit
 */
export function live({ token, url: place = "/v1/live", share = true, backoff }, emit) {
  const url = liveUrl(place);
  const tokens = tokenSource(token, url, (error) => link.fail(error));
  const ownFeed = feed(sayHello);
  /** @type {import("./commands.js").Pending} */
  const pending = new Map();
  /** @type {StateChange} */
  let state = { state: "idle" };
  /** @type {unknown} */
  let acknowledgeTimer;
  /** @type {string | undefined} */
  let epoch;

  const group = tabs(share, applyFrame, (frame) => (frame.type === "hello" ? postSync() : send(frame)));
  const link = connection({ url, tokens, backoff, group }, sayHello, onServerFrame, setState);

  const publish = publisher({ url, tokens, backoff }, pendingPublishes, applyFrame);

  const emitChange = () => emit("change");
  const isLive = () => state.state === "live";
  const postSync = () =>
    group.post({ type: "sync", feed: ownFeed.state(), change: state, issuedAt: tokens.issuedAt() });
  const withPendingCommands = (/** @type {Item} */ item) => withPending(item, pending);
  const closedError = () => new ClarionError(state.code ?? "disconnected", state.detail ?? "Not connected.");

  /**
   * Say what we have, and hear what we miss: from the server or the leader, whichever is there.
   *
   * @param {boolean} [isOld]  as in `feed.hello`
   */
  function sayHello(isOld) {
    link.send(ownFeed.hello(isOld));
    group.sync();
  }

  /** In a history that was restored, up to a version means other items. */
  function checkEpoch() {
    const known = epoch;
    ({ epoch } = ownFeed.state());
    if (!known || !epoch || known === epoch) return;
    for (const [frame, settle] of pending) {
      if ("up_to" in frame && frame.up_to && pending.delete(frame)) settle(new ClarionError("reset", RESTORED));
    }
  }

  /** A replay is told whole, when it is over. @param {import("./frames.js").ServerFrame} frame */
  function onServerFrame(frame) {
    if (/** @type {TabFrame} */ (frame).type === "sync") return; // is among tabs
    if (isLive()) group.post(frame);
    applyFrame(frame);
  }

  /** From the server, or from the leader. @param {TabFrame} frame */
  function applyFrame(frame) {
    if (frame.type === "sync") {
      const { feed, change, issuedAt } = frame;
      if (change.state === "refused") return isConcerned(change, issuedAt) && link.end(change);
      const arrived = ownFeed.adopt(feed, change.state === "live");
      checkEpoch();
      setState(change);
      emitArrivals(arrived, true);
    } else if (frame.type === "ok" || frame.type === "error") {
      const error = frame.type === "error" && new ClarionError(frame.code, frame.detail);
      if (settleCommand(pending, frame.ref, error)) emitChange();
      else if (error && frame.ref == null) {
        if (error.code === "invalid" && epoch && !isLive()) sayHello(true);
        else emit("error", error);
      }
    } else {
      const arrived = ownFeed.apply(/** @type {FeedFrame} */ (frame));
      if (!arrived) return;
      checkEpoch();
      emitArrivals(arrived, !isLive());
      if (frame.type === "caught_up") setState({ state: "live" });
      if (group.isLeader()) acknowledgeTimer ||= setTimeout(acknowledge, ACKNOWLEDGE_AFTER_MS);
    }
  }

  /**
   * Each tab believes a refusal of its own token only, but a revocation concerns all that were issued
   * until then.
   *
   * @param {StateChange} change
   * @param {number} [issuedAt]
   */
  function isConcerned({ code }, issuedAt) {
    return code === REVOKED && !((tokens.issuedAt() ?? 0) > (issuedAt ?? Infinity));
  }

  /** @param {Item[]} arrived @param {boolean} replayed */
  function emitArrivals(arrived, replayed) {
    for (const item of arrived) emit("notification", { item, replayed });
    emitChange();
  }

  /** What this page has handled, for the history: the last version only. */
  function acknowledge() {
    acknowledgeTimer = 0;
    const { version } = ownFeed.state();
    if (version) send({ type: "ack", version });
  }

  /** What cannot be sent now is sent when the feed is live. @param {ClientFrame} frame */
  function send(frame) {
    if (group.isLeader()) isLive() && link.send(frame);
    else if (frame.type !== "publish") group.post(frame);
    else if (isLive()) publish(frame);
  }

  /** What waits for an answer, where another tab's connection is there for all else. */
  function pendingPublishes() {
    const frames = group.isLeader() ? [] : [...pending.keys()];
    return /** @type {PublishFrame[]} */ (frames.filter(({ type }) => type === "publish"));
  }

  /** @param {StateChange} change */
  function setState(change) {
    const isNew = change.state !== state.state;
    state = change;
    if (isShut(change)) {
      ownFeed.clear();
      emitChange();
    }
    if (group.isLeader() && (link.isOn() || change.code === REVOKED)) postSync();
    if (!isNew) return;
    if (isLive()) pending.forEach((_, frame) => send(frame));
    if (!link.isOn()) {
      group.leave();
      pending.forEach((settle) => settle(closedError()));
      pending.clear();
      emitChange();
    }
    emit("state", change);
    if (isShut(change)) emit(/** @type {"refused"} */ (change.state), change);
  }

  return {
    url,
    tokens,
    link,
    feed: ownFeed,
    state: () => state,

    /** Items, the newest first, with what commands will have done. */
    items: () => [...ownFeed.state().items.values()].map(withPendingCommands).sort(newestFirst),

    /** @param {string} id */
    item(id) {
      const item = ownFeed.item(id);
      return item && withPendingCommands(item);
    },

    unread: () => pendingUnreadCount(ownFeed.state(), ownFeed.all(), pending),

    /**
     * @param {Command} command
     * @returns {Promise<void>}  when the server has carried it out; kept over a lost connection
     */
    issue: (command) =>
      new Promise((resolve, reject) => {
        if (!link.isOn()) throw closedError();
        send(registerCommand(pending, command, (error) => (error ? reject(error) : resolve())));
        emitChange();
      }),
  };
}

/** @param {Item} a @param {Item} b */
function newestFirst(a, b) {
  return Date.parse(b.created_at) - Date.parse(a.created_at) || (a.id < b.id ? 1 : -1);
}
