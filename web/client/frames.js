/**
 * The frames of the live protocol `clarion.v1`, as types; nothing here runs.
 *
 * @typedef {object} Item  A notification as its subscriber sees it; what is unset is `null`.
 * @property {string} id
 * @property {string} event_id
 * @property {string} type
 * @property {string | null} category
 * @property {string} title
 * @property {string | null} body
 * @property {string | null} url
 * @property {unknown} data
 * @property {string} lane
 * @property {number} version  of its last change by itself
 * @property {number} [entered]  the version with which it entered the inbox, or came back because its
 *   snooze ended; none from a server before it had one
 * @property {string} created_at
 * @property {string | null} seen_at
 * @property {string | null} read_at
 * @property {string | null} archived_at
 * @property {string | null} snoozed_until
 * @property {string | null} [image]  none from a server before it had one
 * @property {string | null} [actor]  a name to show, likewise
 *
 * @typedef {Pick<Item, "id" | "version" | "entered" | "seen_at" | "read_at" | "archived_at" | "snoozed_until">} ItemState
 *
 * @typedef {{type: "welcome", version: number, unread: number, epoch?: string, time?: string,
 *   session: string, heartbeat_s: number, reset?: boolean}} Welcome
 * @typedef {{type: "notification", version: number, unread: number, item: Item}} NotificationFrame
 * @typedef {{type: "changed", version: number, unread: number, items: (ItemState | Item)[], verb?: string,
 *   up_to?: number, category?: string | null, at?: string}} ChangedFrame  with a `verb` one command for all
 *   that entered by `up_to`
 * @typedef {{type: "caught_up", version: number}} CaughtUp
 * @typedef {{type: "ok", ref?: string | number | null}} Ok
 * @typedef {{type: "error", code: string, detail: string, ref?: string | number | null}} ErrorFrame
 * @typedef {{type: "pong", ref?: string | number | null}} Pong
 * @typedef {{type: "reconnect", after_ms: number}} Reconnect
 *
 * @typedef {Welcome | NotificationFrame | ChangedFrame | CaughtUp} FeedFrame
 * @typedef {Ok | ErrorFrame} Answer
 * @typedef {FeedFrame | Answer | Pong | Reconnect} ServerFrame
 *
 * @typedef {{type: "hello", since?: number, epoch?: string}} Hello
 * @typedef {{type: "auth", token: string} | Hello | {type: "ping"}
 *   | {type: "ack", version: number}} ControlFrame
 * @typedef {{type: "read" | "unread" | "seen" | "archive" | "unarchive" | "snooze", ids?: string[],
 *   up_to?: number, category?: string, until?: string | null, ref: number, key?: string}} StateFrame
 *   `category` with `up_to`, `until` with `snooze` only; by its `key` it is carried out once, whichever
 *   way it is sent
 * @typedef {{type: "publish", topic: string, data: unknown, id: string, ref: number,
 *   key?: undefined}} PublishFrame
 * @typedef {StateFrame | PublishFrame} CommandFrame
 * @typedef {ControlFrame | CommandFrame} ClientFrame
 *
 * Among the tabs of a browser, never to a server:
 *
 * @typedef {{type: "sync", feed: import("./feed.js").FeedState,
 *   change: import("./connection-types.js").StateChange, issuedAt?: number}} Sync  all that a tab needs to go on
 *   with; `issuedAt` is of the leader's token
 * @typedef {ServerFrame | Sync} TabFrame  from the leader
 */

export {};
