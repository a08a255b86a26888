import { ClarionError } from "./errors.js";
import { MAX_PENDING_COMMANDS } from "./limits.js";

/**
 * Commands on their way, in the order they were given, each with who settles its promise. One that
 * was not answered when the connection broke is sent again on the next, of whatever kind: by its `key`
 * the server carries it out once.
 *
 * @typedef {import("./frames.js").CommandFrame} CommandFrame
 * @typedef {import("./frames.js").StateFrame} StateFrame
 * @typedef {import("./frames.js").PublishFrame} PublishFrame
 * @typedef {Omit<StateFrame, "ref" | "key"> | Omit<PublishFrame, "ref">} Command
 * @typedef {Map<CommandFrame, (error: ClarionError | false) => void>} Pending
 */

/** Of this tab; those of two tabs meet by a chance that is none. */
let lastRef = Math.floor(Math.random() * 1e15);

/**
 * @param {Pending} pending
 * @param {Command} command
 * @param {(error: ClarionError | false) => void} settle  called with its answer
 * @returns {CommandFrame}  to be sent
 */
export function registerCommand(pending, command, settle) {
  if (pending.size >= MAX_PENDING_COMMANDS) throw new ClarionError("too_many_commands");
  const frame = /** @type {CommandFrame} */ ({ ...command, ref: ++lastRef });
  if (frame.type !== "publish") frame.key = `${lastRef}`; // that has an id
  pending.set(frame, settle);
  return frame;
}

/**
 * @param {Pending} pending
 * @param {unknown} ref
 * @param {ClarionError | false} error  where it was refused
 * @returns {boolean | void}  whether it is a command of ours
 */
export function settleCommand(pending, ref, error) {
  for (const [frame, settle] of pending) {
    if (frame.ref !== ref) continue;
    settle(error);
    return pending.delete(frame);
  }
}
