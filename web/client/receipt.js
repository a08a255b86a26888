const AT_MOST_EVERY_MS = 1_000;

/**
 * Tells the server what this page has handled, for the history; at most once a second, and the
 * last version only.
 *
 * @param {(frame: {type: "ack", version: number}) => void} send
 */
export function receipt(send) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let version = 0;
  let told = 0;

  return {
    /** All up to this version was handled on the present connection. @param {number} handled */
    handled(handled) {
      version = handled;
      if (version <= told || timer) return;
      timer = setTimeout(() => {
        timer = undefined;
        told = version;
        send({ type: "ack", version });
      }, AT_MOST_EVERY_MS);
    },

    /** The connection is gone; the next has a receipt of its own. */
    lost() {
      clearTimeout(timer);
      timer = undefined;
      told = 0;
    },
  };
}
