"use client";

import { createContext, createElement, useContext, useEffect, useMemo, useRef } from "react";
import { Clarion } from "../client/clarion.js";

/**
 * @typedef {object} ProviderProps
 * @property {import("../client/clarion.js").TokenOption} token  a subscriber token, or who asks for a
 *   new one; the newest is asked whenever one is needed
 * @property {string} [subscriber]  whose feed it is: another one begins with nothing of the first
 * @property {string} [url]  of the live endpoint; `/v1/live` of this page's host
 * @property {boolean} [share]  one connection for all tabs of the browser, unless `false`
 * @property {import("react").ReactNode} [children]
 */

const ClientContext = createContext(/** @type {Clarion | null} */ (null));

/**
 * Connects while it is mounted; on a server it renders its children and connects nothing.
 *
 * @param {ProviderProps} props
 */
export function ClarionProvider({ url, token, share, subscriber, children }) {
  const newest = useRef(token);
  useEffect(() => {
    newest.current = token;
  });
  const client = useMemo(() => {
    const ask = () => (typeof newest.current === "function" ? newest.current() : newest.current);
    return new Clarion({ url, share, token: ask });
    // eslint-disable-next-line -- another subscriber is another client
  }, [url, share, subscriber]);
  useEffect(() => {
    client.connect();
    return () => client.disconnect();
  }, [client]);
  return createElement(ClientContext.Provider, { value: client }, children);
}

/** The client of the `ClarionProvider` above. @returns {Clarion} */
export function useClarion() {
  const client = useContext(ClientContext);
  if (!client) throw new Error("There is no <ClarionProvider> above this component.");
  return client;
}
