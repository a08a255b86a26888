/**
 * What the inbox says, in English. Set `words` on the element to say it otherwise.
 *
 * @typedef {typeof words} Words
 */
export const words = {
  heading: "Notifications",
  unread: (/** @type {number} */ count) => `${count} unread`,
  allRead: "Mark all as read",
  markRead: "Mark as read",
  markUnread: "Mark as unread",
  archive: "Archive",
  open: "Open",
  urgent: "Urgent",
  unreadItem: "Unread.",
  older: "Show older",
  loading: "Loading notifications",
  emptyTitle: "All quiet",
  empty: "What happens next shows up here by itself.",
  away: "Not connected. What arrives meanwhile is kept and shown when you are back.",
  arrived: (/** @type {string[]} */ titles) =>
    titles.length === 1
      ? `New notification: ${titles[0]}`
      : `${titles.length} new notifications, the latest: ${titles[titles.length - 1]}`,
  failed: (/** @type {string} */ detail) => `That did not work. ${detail}`,
  states: {
    idle: "Not connected",
    connecting: "Connecting",
    live: "Live",
    waiting: "Reconnecting",
    offline: "Offline",
    refused: "Refused",
    closed: "Disconnected",
  },
};
