/** What the elements take as attributes and tell by events; documented in docs/guides/show-the-feed.md. */

import type { ClarionBell } from "./bell.js";
import type { ClarionInbox } from "./inbox.js";
import type { Item, StateChange } from "../client/clarion.js";

interface FeedAttributes {
  /** Its name for screen readers, where a page has several. */
  label?: string | undefined;
  /** Of words, times, numbers and plurals; else that of the page, else the browser's. */
  lang?: string | undefined;
  /** What it says otherwise, as JSON. */
  words?: string | undefined;
  /** Of the live endpoint, where there is a `token` and no `client`. */
  url?: string | undefined;
  /** A subscriber token; the element then connects by itself. */
  token?: string | undefined;
  /** Else the page's `color-scheme`. */
  theme?: "light" | "dark" | undefined;
}

export interface BellAttributes extends FeedAttributes {
  /** `off`: no short notes of new items while the bell is closed. */
  toast?: "off" | undefined;
}

export interface InboxAttributes extends FeedAttributes {
  view?: "inbox" | "unread" | "snoozed" | "archived" | undefined;
  /** Only items of this one; all where it is empty. */
  category?: string | undefined;
  /** Where it is there, even empty: short notes of new items over the page. */
  toast?: "" | undefined;
}

export interface ActionDetail {
  item: Item;
  label: string;
  url: string;
}

export interface ViewDetail {
  state: "inbox" | "unread" | "snoozed" | "archived";
  category: string;
}

export interface ToggleDetail {
  open: boolean;
}

/** All of them bubble; the first two can be prevented, and then no link is followed. */
export interface ElementEvents {
  "clarion-open": CustomEvent<Item>;
  "clarion-action": CustomEvent<ActionDetail>;
  "clarion-view": CustomEvent<ViewDetail>;
  "clarion-toggle": CustomEvent<ToggleDetail>;
  /** Nobody is signed in: the page may offer to. */
  "clarion-signed-out": CustomEvent<StateChange>;
  /** Revoked, forbidden, or somebody else's; `code` says why. */
  "clarion-refused": CustomEvent<StateChange>;
  /** By the client's `disconnect()`. */
  "clarion-closed": CustomEvent<StateChange>;
}

declare global {
  interface HTMLElementTagNameMap {
    "clarion-bell": ClarionBell;
    "clarion-inbox": ClarionInbox;
  }
  interface GlobalEventHandlersEventMap extends ElementEvents {}
}
