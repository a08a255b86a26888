import { MAX_TIMER_MS } from "./limits.js";

/** By a clock that nobody sets; it may stand still while a computer sleeps. */
export const now = () => performance.now();

/**
 * A timer for one purpose: what is set takes the place of what was, and a call with nothing stops
 * it. One that is longer than a browser can wait is not set.
 *
 * @returns {(ms?: any, act?: () => void) => void}
 */
export function timer() {
  /** @type {any} */
  let running;
  return (ms, act) => {
    clearTimeout(running);
    if (ms < MAX_TIMER_MS) running = setTimeout(/** @type {any} */ (act), ms);
  };
}
