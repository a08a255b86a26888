import { connection } from "./connection.js";
import { isShut } from "./protocol.js";
import { tabs } from "./tabs.js";

/**
 * @typedef {import("./frames.js").Answer} Answer
 * @typedef {import("./frames.js").PublishFrame} PublishFrame
 */

/**
 * Publishes where another tab leads: the right to is this tab's, so is the connection, for as long as
 * it takes. What is not answered is sent again; it bears an id.
 *
 * @param {Omit<import("./connection-types.js").ConnectionOptions, "group">} options
 * @param {() => PublishFrame[]} waiting  what has no answer and is not another connection's to send
 * @param {(answer: Answer) => void} answer
 * @returns {(frame: PublishFrame) => void}
 */
export function publisher(options, waiting, answer) {
  let isOpen = false;
  const group = tabs(false, Boolean, Boolean); // of no other tab's concern
  const link = connection({ ...options, group }, sendAll, onFrame, setState);
  const end = () => link.end({ state: "closed" });

  function sendAll() {
    isOpen = true;
    link.send({ type: "ping" }); // answered at once, as the confirm of a broker is not
    waiting().forEach(link.send);
    endWhenDone();
  }

  function endWhenDone() {
    if (!waiting()[0]) end();
  }

  /** @param {import("./frames.js").ServerFrame} frame */
  function onFrame(frame) {
    if (frame.type === "ok" || frame.type === "error") answer(frame);
    endWhenDone();
  }

  /** @param {import("./connection-types.js").StateChange} change */
  function setState({ state, code = state, detail = code }) {
    isOpen = false;
    if (!isShut({ state })) return;
    for (const { ref } of waiting()) answer({ type: "error", ref, code, detail });
    if (state === "signed-out") end();
  }

  return (frame) => (isOpen ? link.send(frame) : link.start());
}
