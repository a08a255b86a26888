import { RATE_LIMIT_BACKOFF_MS, SLOW_RETRY_MS } from "./limits.js";
import { TOO_MANY_FRAMES, TOO_MANY_SESSIONS } from "./protocol.js";
import { now } from "./timer.js";

/** For what is of no use to be tried often. */
export const slowRetryMs = () => (SLOW_RETRY_MS * (1 + Math.random())) / 2;

/**
 * When to come back. Full jitter: any time from now to a bound that doubles with each failure, so that
 * a crowd that lost one server does not come back as one; after what the server has asked for.
 *
 * @param {import("./connection-types.js").Backoff} [bounds]
 * @returns what to call when the server asks for a while, or closes, when a connection was stable, and
 *   when one has failed, for in how long to try again; and whether the server lets us
 */
export function backoff({ baseMs = 500, capMs = 30_000 } = {}) {
  let failures = 0;
  let notBefore = 0;

  /** @param {number} ms */
  const onAsked = (ms) => void (notBefore = now() + ms);

  /** @param {number} code */
  function onClosed(code) {
    if (code === TOO_MANY_FRAMES) onAsked(RATE_LIMIT_BACKOFF_MS);
    if (code === TOO_MANY_SESSIONS) onAsked(slowRetryMs());
  }

  const onStable = () => void (failures = 0);
  const leftMs = () => Math.max(0, notBefore - now());
  const failedMs = () => Math.random() * Math.min(capMs, baseMs * 2 ** ++failures) + leftMs();

  return /** @type {const} */ ([onAsked, onClosed, onStable, failedMs, () => !leftMs()]);
}
