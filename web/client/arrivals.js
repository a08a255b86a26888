import { ClarionError } from "./errors.js";
import { isShut } from "./protocol.js";

/**
 * @typedef {import("./clarion.js").Clarion} Clarion
 * @typedef {{item: import("./frames.js").Item, replayed: boolean}} Arrival
 *
 * @typedef {object} BufferOptions
 * @property {number} [limit]  arrivals that may wait for the loop; 256
 * @property {"drop-oldest" | "drop-newest" | "throw"} [whenFull]  the oldest are dropped
 */

/**
 * New items for a `for await` loop, from its first turn on. What waits is bounded: a slow loop
 * costs no memory. The loop ends when the feed is closed; a refused feed throws, and what waits is
 * dropped with it, as where nobody is signed in.
 *
 * @param {Clarion} client
 * @param {BufferOptions} [options]
 * @returns {AsyncGenerator<Arrival, void, undefined>}
 */
export async function* arrivals(client, { limit = 256, whenFull = "drop-oldest" } = {}) {
  /** @type {Arrival[]} */
  const waiting = [];
  let wake = () => {};
  let isOverflowing = false;
  const unsubscribe = client.on("notification", (arrival) => {
    isOverflowing ||= waiting.length >= limit && whenFull === "throw";
    if (waiting.length < limit || whenFull === "drop-oldest") waiting.push(arrival);
    if (waiting.length > limit) waiting.shift();
    wake();
  });
  const unsubscribeState = client.on("state", () => wake());
  try {
    for (;;) {
      if (isShut(client.state)) waiting.length = 0;
      const next = waiting.shift();
      if (next) yield next;
      else if (isOverflowing) throw new ClarionError("too_slow", "The loop is too slow for the feed.");
      else if (client.state.state === "refused") throw refusalError(client.state);
      else if (client.state.state === "closed") return;
      else await new Promise((resolve) => (wake = () => resolve(undefined)));
    }
  } finally {
    unsubscribe();
    unsubscribeState();
  }
}

/** @param {import("./connection-types.js").StateChange} change */
function refusalError({ code = "", detail }) {
  return new ClarionError(code, detail);
}
