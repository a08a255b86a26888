const MARGIN = 8;
const GAP = 6;

/**
 * Keeps an open popover beside its anchor while the page scrolls or changes size: below it where
 * there is room, else above, its end at the anchor's end, never outside of the window.
 *
 * @param {HTMLElement} popover
 * @param {HTMLElement} anchor
 * @returns {() => void}  lets go
 */
export function keepPositioned(popover, anchor) {
  const update = () => positionPopover(popover, anchor);
  update();
  addEventListener("resize", update);
  addEventListener("scroll", update, { capture: true, passive: true });
  return () => {
    removeEventListener("resize", update);
    removeEventListener("scroll", update, { capture: true });
  };
}

/**
 * @param {HTMLElement} popover
 * @param {HTMLElement} anchor
 */
function positionPopover(popover, anchor) {
  const box = anchor.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = popover;
  const { clientWidth, clientHeight } = document.documentElement;
  const start = getComputedStyle(anchor).direction === "rtl" ? box.left : box.right - width;
  const below = box.bottom + GAP;
  const above = box.top - GAP - height;
  const fits = below + height <= clientHeight - MARGIN || above < MARGIN;
  popover.style.left = `${clamp(start, clientWidth - width)}px`;
  popover.style.top = `${fits ? below : above}px`;
}

/**
 * @param {number} wanted
 * @param {number} most
 */
function clamp(wanted, most) {
  return Math.max(MARGIN, Math.min(wanted, most - MARGIN));
}
