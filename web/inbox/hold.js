/**
 * Keeps what is read where it is while other heights above it change. Browsers do so themselves, but
 * some never, and none where what changes is as tall as a gap.
 *
 * @param {HTMLElement} list
 * @param {HTMLElement[]} rows  in order
 * @returns {() => void}  brings it back to where it was
 */
export function hold(list, rows) {
  const own = /** @type {HTMLElement} */ (list.parentElement);
  const scroller = own.scrollHeight > own.clientHeight ? own : document.scrollingElement;
  const top = Math.max(own.getBoundingClientRect().top, 0);
  const read = scroller?.scrollTop ? rows.find((row) => row.getBoundingClientRect().bottom > top) : null;
  const before = read?.getBoundingClientRect().top ?? 0;
  return () => {
    if (!scroller || !read?.isConnected) return;
    scroller.scrollTop += read.getBoundingClientRect().top - before;
  };
}
