/**
 * When a popover closes that holds the focus, the focus goes to what opened it. A browser does so
 * itself, but not into a shadow tree.
 *
 * @param {HTMLElement} popover
 * @param {() => HTMLElement | null} opener
 */
export function restoreFocusOnClose(popover, opener) {
  popover.addEventListener("beforetoggle", (event) => {
    if (event.newState === "closed" && popover.matches(":focus-within")) opener()?.focus();
  });
}
