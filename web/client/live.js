import { answer, given } from "./commands.js";
import { connection } from "./connection.js";
import { ClarionError } from "./errors.js";
import { feed } from "./feed.js";
import { hoped, hopedCount } from "./hopes.js";
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
 * @typedef {import("./connection.js").StateChange} StateChange
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
  const tokens = tokenSource(token, url, (error) => link.judge(error));
  const ours = feed(ask);
  /** @type {import("./commands.js").Pending} */
  const pending = new Map();
  /** @type {StateChange} */
  let state = { state: "idle" };
  /** @type {unknown} */
  let acknowledging;
  /** @type {string | undefined} */
  let epoch;

  const others = tabs(share, handle, (frame) => (frame.type === "hello" ? sync() : send(frame)));
  const link = connection({ url, tokens, backoff, others }, ask, hear, enter);

  const publish = publisher({ url, tokens, backoff }, unpublished, handle);

  const changed = () => emit("change");
  const isLive = () => state.state === "live";
  const sync = () => others.post({ type: "sync", feed: ours.state(), change: state, issuedAt: tokens.issuedAt() });
  const hope = (/** @type {Item} */ item) => hoped(item, pending);
  const over = () => new ClarionError(state.code ?? "disconnected", state.detail ?? "Not connected.");

  /**
   * Say what we have, and hear what we miss: from the server or the leader, whichever is there.
   *
   * @param {boolean} [isOld]  as `feed.hello`
   */
  function ask(isOld) {
    link.send(ours.hello(isOld));
    others.join();
  }

  /** In a history that was restored, up to a version means other items. */
  function compare() {
    const known = epoch;
    ({ epoch } = ours.state());
    if (!known || !epoch || known === epoch) return;
    for (const [frame, settle] of pending) {
      if ("up_to" in frame && frame.up_to && pending.delete(frame)) settle(new ClarionError("reset", RESTORED));
    }
  }

  /** A replay is told whole, when it is over. @param {import("./frames.js").ServerFrame} frame */
  function hear(frame) {
    if (/** @type {TabFrame} */ (frame).type === "sync") return; // is among tabs
    if (isLive()) others.post(frame);
    handle(frame);
  }

  /** From the server, or from the leader. @param {TabFrame} frame */
  function handle(frame) {
    if (frame.type === "sync") {
      const { feed, change, issuedAt } = frame;
      if (change.state === "refused") return concerns(change, issuedAt) && link.end(change);
      const arrived = ours.adopt(feed, change.state === "live");
      compare();
      enter(change);
      tell(arrived, true);
    } else if (frame.type === "ok" || frame.type === "error") {
      const error = frame.type === "error" && new ClarionError(frame.code, frame.detail);
      if (answer(pending, frame.ref, error)) changed();
      else if (error && frame.ref == null) {
        if (error.code === "invalid" && epoch && !isLive()) ask(true);
        else emit("error", error);
      }
    } else {
      const arrived = ours.take(/** @type {FeedFrame} */ (frame));
      if (!arrived) return;
      compare();
      tell(arrived, !isLive());
      if (frame.type === "caught_up") enter({ state: "live" });
      if (others.leads()) acknowledging ||= setTimeout(acknowledge, ACKNOWLEDGE_AFTER_MS);
    }
  }

  /**
   * Each tab believes a refusal of its own token only, but a revocation concerns all that were issued
   * until then.
   *
   * @param {StateChange} change
   * @param {number} [issuedAt]
   */
  function concerns({ code }, issuedAt) {
    return code === REVOKED && !((tokens.issuedAt() ?? 0) > (issuedAt ?? Infinity));
  }

  /** @param {Item[]} arrived @param {boolean} replayed */
  function tell(arrived, replayed) {
    for (const item of arrived) emit("notification", { item, replayed });
    changed();
  }

  /** What this page has handled, for the history: the last version only. */
  function acknowledge() {
    acknowledging = 0;
    const { version } = ours.state();
    if (version) send({ type: "ack", version });
  }

  /** What cannot be sent now is sent when the feed is live. @param {ClientFrame} frame */
  function send(frame) {
    if (others.leads()) isLive() && link.send(frame);
    else if (frame.type !== "publish") others.post(frame);
    else if (isLive()) publish(frame);
  }

  /** What waits for an answer, where another tab's connection is there for all else. */
  function unpublished() {
    const frames = others.leads() ? [] : [...pending.keys()];
    return /** @type {PublishFrame[]} */ (frames.filter(({ type }) => type === "publish"));
  }

  /** @param {StateChange} change */
  function enter(change) {
    const isNew = change.state !== state.state;
    state = change;
    if (isShut(change)) {
      ours.forget();
      changed();
    }
    if (others.leads() && (link.isOn() || change.code === REVOKED)) sync();
    if (!isNew) return;
    if (isLive()) pending.forEach((_, frame) => send(frame));
    if (!link.isOn()) {
      others.leave();
      pending.forEach((settle) => settle(over()));
      pending.clear();
      changed();
    }
    emit("state", change);
    if (isShut(change)) emit(/** @type {"refused"} */ (change.state), change);
  }

  return {
    url,
    tokens,
    link,
    feed: ours,
    state: () => state,

    /** Items, the newest first, with what commands will have done. */
    items: () => [...ours.state().items.values()].map(hope).sort(newestFirst),

    /** @param {string} id */
    item(id) {
      const item = ours.item(id);
      return item && hope(item);
    },

    unread: () => hopedCount(ours.state(), ours.held(), pending),

    /**
     * @param {Command} command
     * @returns {Promise<void>}  when the server has carried it out; kept over a lost connection
     */
    issue: (command) =>
      new Promise((resolve, reject) => {
        if (!link.isOn()) throw over();
        send(given(pending, command, (error) => (error ? reject(error) : resolve())));
        changed();
      }),
  };
}

/** @param {Item} a @param {Item} b */
function newestFirst(a, b) {
  return Date.parse(b.created_at) - Date.parse(a.created_at) || (a.id < b.id ? 1 : -1);
}
