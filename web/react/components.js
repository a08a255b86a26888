"use client";

import { createElement, forwardRef, useEffect, useImperativeHandle, useRef } from "react";
import "../inbox/index.js";
import { useClarion } from "./provider.js";

/**
 * @typedef {import("../inbox/index.js").ClarionBell} ClarionBell
 * @typedef {import("../inbox/index.js").ClarionInbox} ClarionInbox
 * @typedef {import("../inbox/index.js").ElementEvents} ElementEvents
 * @typedef {import("../inbox/index.js").Item} Item
 * @typedef {import("../inbox/index.js").SomeWords} SomeWords
 * @typedef {import("../inbox/index.js").ActionDetail} ActionDetail
 * @typedef {import("../inbox/index.js").ViewDetail} ViewDetail
 * @typedef {import("../inbox/index.js").ToggleDetail} ToggleDetail
 * @typedef {import("../inbox/index.js").StateChange} StateChange
 *
 * @typedef {object} SharedProps
 * @property {SomeWords} [words]  what it says otherwise
 * @property {string} [label]  its name for screen readers, where a page has several
 * @property {"light" | "dark"} [theme]  else the page's `color-scheme`
 * @property {(item: Item, event: CustomEvent<Item>) => void} [onOpen]  `event.preventDefault()` keeps
 *   the link from being followed: then your router may do it
 * @property {(detail: ActionDetail, event: CustomEvent<ActionDetail>) => void} [onAction]  likewise
 * @property {(detail: ViewDetail, event: CustomEvent<ViewDetail>) => void} [onView]
 * @property {(change: StateChange, event: CustomEvent<StateChange>) => void} [onSignedOut]
 * @property {(change: StateChange, event: CustomEvent<StateChange>) => void} [onRefused]  `code` says why
 * @property {(change: StateChange, event: CustomEvent<StateChange>) => void} [onClosed]
 *
 * @typedef {Omit<import("react").HTMLAttributes<HTMLElement>, "onToggle"> & SharedProps} ElementProps
 *
 * @typedef {object} BellOnly
 * @property {"off"} [toast]  no short notes of new items while it is closed
 * @property {(detail: ToggleDetail, event: CustomEvent<ToggleDetail>) => void} [onToggle]
 * @typedef {ElementProps & BellOnly} BellProps
 *
 * @typedef {object} InboxOnly
 * @property {boolean} [toast]  short notes of new items over the page
 * @property {import("../inbox/index.js").InboxAttributes["view"]} [view]
 * @property {string} [category]
 * @typedef {ElementProps & InboxOnly} InboxProps
 *
 * @typedef {(detail: any, event: any) => void} Handler
 */

const EVENTS = /** @type {const} */ ({
  onOpen: "clarion-open",
  onAction: "clarion-action",
  onView: "clarion-view",
  onToggle: "clarion-toggle",
  onSignedOut: "clarion-signed-out",
  onRefused: "clarion-refused",
  onClosed: "clarion-closed",
});
const HANDLERS = /** @type {(keyof typeof EVENTS)[]} */ (Object.keys(EVENTS));

/**
 * `<clarion-bell>` with the client above. Its `ref` is the element: `show()`, `hide()`, `open`.
 *
 * @type {import("react").ForwardRefExoticComponent<BellProps & import("react").RefAttributes<ClarionBell>>}
 */
export const NotificationBell = around("clarion-bell", "NotificationBell");

/**
 * `<clarion-inbox>` with the client above. Its `ref` is the element.
 *
 * @type {import("react").ForwardRefExoticComponent<InboxProps & import("react").RefAttributes<ClarionInbox>>}
 */
export const NotificationInbox = around("clarion-inbox", "NotificationInbox");

/**
 * React 18 sets no properties of custom elements and hears none of their events; so this does.
 *
 * @param {"clarion-bell" | "clarion-inbox"} tag
 * @param {string} name
 * @returns {any}
 */
function around(tag, name) {
  const component = forwardRef((/** @type {any} */ props, outer) => {
    const { words, className, toast, ...attributes } = props;
    for (const handler of HANDLERS) delete attributes[handler];
    const element = useRef(/** @type {any} */ (null));
    const client = useClarion();
    useImperativeHandle(outer, () => element.current, []);
    useHandlers(element, props);
    const asText = JSON.stringify(words ?? {}); // a literal is another object at each render
    useEffect(() => {
      element.current.words = JSON.parse(asText);
    }, [asText]);
    useEffect(() => {
      element.current.client = client;
    }, [client]);
    const shown = toast === true ? "" : toast || undefined;
    return createElement(tag, { ...attributes, class: className, toast: shown, ref: element });
  });
  component.displayName = name;
  return component;
}

/**
 * @param {{current: HTMLElement}} element
 * @param {Partial<Record<keyof typeof EVENTS, Handler>>} handlers  the newest are called
 */
function useHandlers(element, handlers) {
  const newest = useRef(handlers);
  useEffect(() => {
    newest.current = handlers;
  });
  useEffect(() => {
    const leaving = new AbortController();
    for (const name of HANDLERS) {
      element.current.addEventListener(EVENTS[name], (event) => newest.current[name]?.(event.detail, event), leaving);
    }
    return () => leaving.abort();
  }, []);
}
