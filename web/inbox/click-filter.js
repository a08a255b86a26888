/** By how much a press may move and still be one. */
const MAX_MOVE_PX = 3;

/**
 * Tells presses from what looks like one: the second of a double press, and marking text.
 *
 * @param {HTMLElement} target
 * @returns {(click: MouseEvent) => boolean}  whether it is a press, by a pointer, a key or a program
 */
export function clickFilter(target) {
  let x = 0;
  let y = 0;
  target.addEventListener("pointerdown", ({ clientX, clientY }) => ([x, y] = [clientX, clientY]));
  return ({ clientX, clientY, detail }) =>
    detail === 0 || (detail === 1 && Math.hypot(clientX - x, clientY - y) <= MAX_MOVE_PX);
}
