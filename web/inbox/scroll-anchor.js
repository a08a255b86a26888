/**
 * Keeps what is read where it is while heights above it change: some browsers never do so
 * themselves, and none always does where what changes is as tall as a gap.
 *
 * @param {Element} list
 * @param {HTMLElement[]} rows  in order
 * @returns {() => void}  brings it back to where it was
 */
export function anchorScroll(list, rows) {
  const ownScroller = /** @type {Element} */ (list.parentElement);
  const scroller = ownScroller.scrollTop ? ownScroller : document.documentElement;
  const top = (/** @type {Element} */ one) => one.getBoundingClientRect().top;
  const edge = Math.max(top(ownScroller), 0);
  const read = scroller.scrollTop ? rows.find((row) => top(row) + row.offsetHeight > edge) : null;
  const before = read && top(read);
  return () => {
    if (read?.isConnected) scroller.scrollTop += top(read) - Number(before);
  };
}
