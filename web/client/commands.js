/**
 * @typedef {import("./frames.js").CommandFrame} CommandFrame
 * @typedef {import("./frames.js").StateFrame} StateFrame
 * @typedef {import("./frames.js").PublishFrame} PublishFrame
 * @typedef {Omit<StateFrame, "ref"> | Omit<PublishFrame, "ref">} Command
 * @typedef {{frame: CommandFrame, resolve: () => void, reject: (error: Error) => void}} Pending
 */

const MAX_PENDING = 1_000;

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
 * when the connection broke is sent again on the next.
 */
export class Commands {
  /** @type {Map<number, Pending>} */
  #pending = new Map();
  #lastRef = 0;

  /** In the order they were given. */
  get unanswered() {
    return [...this.#pending.values()].map((one) => one.frame);
  }

  /** Those that change items. @returns {StateFrame[]} */
  get hopes() {
    return /** @type {StateFrame[]} */ (this.unanswered.filter(({ type }) => type !== "publish"));
  }

  /**
   * @param {Command} command
   * @param {(frame: CommandFrame) => void} send
   * @returns {Promise<void>}  when the server has carried it out
   */
  issue(command, send) {
    if (this.#pending.size >= MAX_PENDING) {
      return Promise.reject(new ClarionError("too_many_commands", "Too many commands are waiting."));
    }
    const frame = /** @type {CommandFrame} */ ({ ...command, ref: ++this.#lastRef });
    return new Promise((resolve, reject) => {
      this.#pending.set(frame.ref, { frame, resolve, reject });
      send(frame);
    });
  }

  /**
   * @param {import("./frames.js").Ok | import("./frames.js").ErrorFrame} frame
   * @returns {boolean}  whether it answers a command of ours
   */
  answer(frame) {
    const pending = this.#pending.get(Number(frame.ref ?? 0));
    if (!pending) return false;
    this.#pending.delete(pending.frame.ref);
    if (frame.type === "ok") pending.resolve();
    else pending.reject(new ClarionError(frame.code, frame.detail));
    return true;
  }

  /** @param {ClarionError} error */
  abandon(error) {
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const one of pending) one.reject(error);
  }
}
