/**
 * @typedef {import("./frames.js").ServerFrame} ServerFrame
 * @typedef {import("./frames.js").CommandFrame} CommandFrame
 * @typedef {import("./connection.js").StateChange} StateChange
 *
 * @typedef {{feed: import("./feed.js").FeedState, change: StateChange}} Sync
 * @typedef {{sync: Sync} | {change: StateChange} | {hello: true} | {frame: ServerFrame}} News
 * @typedef {News & {term: number} | {join: true} | {command: CommandFrame}} Message
 *
 * @typedef {object} TabsOptions
 * @property {() => Sync} sync  all that a tab needs to go on with
 * @property {() => void} onLead  this tab is the leader now
 * @property {() => void} onDeposed  another took its place
 * @property {(news: News) => void} onNews  from the leader, in the leader's order
 * @property {(frame: CommandFrame) => void} onCommand  from a follower
 */

const ANSWER_WITHIN_MS = 5_000;

/**
 * One connection for all tabs of a browser that show the same feed. The tab that holds a Web Lock
 * leads: it connects and tells the others all it hears, in order. When it closes or crashes the
 * browser gives the lock to the next; a leader that a person's visible tab cannot reach, because its
 * page is frozen, loses it. A browser without Web Locks has a connection for each tab.
 *
 * @param {TabsOptions} options
 */
export function tabs({ sync, onLead, onDeposed, onNews, onCommand }) {
  /** @type {BroadcastChannel | undefined} */
  let channel;
  let name = "";
  let leads = false;
  /** Of the present leader; each has a higher one than those before. */
  let term = 0;
  let release = () => {};
  /** @type {AbortController} */
  let waiting;
  /** @type {ReturnType<typeof setTimeout>} */
  let silence;

  /** @param {Message} message */
  const post = (message) => channel?.postMessage(message);

  /** For followers. @param {News} news */
  const tell = (news) => {
    if (leads) post({ ...news, term });
  };

  /** @param {Message} message */
  function heard(message) {
    if ("term" in message) {
      // A leader that was replaced while it was frozen may not know yet
      if (leads || message.term < term) return;
      term = message.term;
      clearTimeout(silence);
      onNews(message);
    } else if (leads) {
      if ("command" in message) onCommand(message.command);
      else tell({ sync: sync() });
    }
  }

  function join() {
    if (!channel || leads) return;
    post({ join: true });
    clearTimeout(silence);
    silence = setTimeout(() => {
      waiting.abort();
      request({ steal: true });
    }, ANSWER_WITHIN_MS);
  }

  /** @param {LockOptions} options */
  function request(options) {
    let granted = false;
    const held = () => {
      if (!channel) return;
      granted = true;
      clearTimeout(silence);
      return new Promise((resolve) => {
        release = () => resolve(undefined);
        lead();
      });
    };
    navigator.locks.request(name, options, held).catch(() => {
      if (!granted || !leads) return;
      leads = false;
      leave();
      onDeposed();
    });
  }

  function lead() {
    leads = true;
    term = Math.max(Date.now(), term + 1);
    onLead();
    tell({ sync: sync() });
    admitted();
  }

  let admitted = () => {};

  const wake = () => document.visibilityState === "visible" && join();

  function leave() {
    leads = false;
    waiting?.abort();
    release();
    clearTimeout(silence);
    channel?.close();
    channel = undefined;
    document.removeEventListener("visibilitychange", wake);
  }

  return {
    /** Whether the connection is this tab's. */
    leads: () => leads,

    tell,
    join,
    leave,

    /** To the leader. @param {CommandFrame} command */
    send: (command) => post({ command }),

    /**
     * @param {string | null} shared  names the feed; null keeps the connection to this tab
     * @returns {Promise<void>}  when this tab leads
     */
    admit(shared) {
      if (leads) return Promise.resolve();
      if (!shared || !navigator.locks || !window.BroadcastChannel) {
        leads = true;
        return Promise.resolve();
      }
      leave();
      name = shared;
      waiting = new AbortController();
      channel = new BroadcastChannel(name);
      channel.onmessage = ({ data }) => heard(data);
      document.addEventListener("visibilitychange", wake);
      return new Promise((resolve) => {
        admitted = resolve;
        request({ signal: waiting.signal });
        join();
      });
    },
  };
}
