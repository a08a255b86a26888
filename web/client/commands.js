/**
 * @typedef {import("./frames.js").CommandFrame} CommandFrame
 * @typedef {import("./frames.js").StateFrame} StateFrame
 * @typedef {import("./frames.js").PublishFrame} PublishFrame
 * @typedef {Omit<StateFrame, "ref"> | Omit<PublishFrame, "ref">} Command
 * @typedef {{frame: CommandFrame, resolve: () => void, reject: (error: Error) => void}} Pending
 */

const MAX_PENDING = 1_000;
const REFS_OF_A_TAB = 2 ** 20;

/** The server, or the end of the connection, refused a command. `code` is stable. */
export class ClarionError extends Error {
  /**
   * @param {string} code
   * @param {string} detail
   */
  constructor(code, detail) {
    super(detail);
    this.name = "ClarionError";
    this.code = code;
  }
}

/**
 * Commands on their way. Each may be carried out twice without harm, so one that was not answered
 * when the connection broke is sent again on the next. The refs of two tabs do not meet.
 */
export function commands() {
  /** @type {Map<number, Pending>} */
  const pending = new Map();
  let lastRef = Math.floor(Math.random() * 2 ** 32) * REFS_OF_A_TAB;

  return {
    /** In the order they were given. */
    unanswered: () => [...pending.values()].map((one) => one.frame),

    /** Those that change items. */
    hopes: () =>
      /** @type {StateFrame[]} */ (
        [...pending.values()].map((one) => one.frame).filter(({ type }) => type !== "publish")
      ),

    /**
     * @param {Command} command
     * @param {(frame: CommandFrame) => void} send
     * @returns {Promise<void>}  when the server has carried it out
     */
    issue(command, send) {
      if (pending.size >= MAX_PENDING) {
        return Promise.reject(new ClarionError("too_many_commands", "Too many commands are waiting."));
      }
      const frame = /** @type {CommandFrame} */ ({ ...command, ref: ++lastRef });
      return new Promise((resolve, reject) => {
        pending.set(frame.ref, { frame, resolve, reject });
        send(frame);
      });
    },

    /**
     * @param {import("./frames.js").Ok | import("./frames.js").ErrorFrame} frame
     * @returns {boolean}  whether it answers a command of ours
     */
    answer(frame) {
      const ref = Number(frame.ref);
      const one = pending.get(ref);
      if (frame.type === "ok") one?.resolve();
      else one?.reject(new ClarionError(frame.code, frame.detail));
      return pending.delete(ref);
    },

    /** @param {ClarionError} error */
    abandon(error) {
      for (const one of pending.values()) one.reject(error);
      pending.clear();
    },
  };
}
