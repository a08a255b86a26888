/**
 * What a press on a row does: that of the button in it, or of the link under the pointer, or else of the
 * row's own link.
 *
 * @param {MouseEvent} event
 * @param {boolean} isClick  else it only looks like a press
 * @param {import("./row.js").Row} row
 * @param {import("./list.js").RowCommands} commands
 * @param {import("./list.js").ListActions} actions
 */
export function onRowClick(event, isClick, row, commands, actions) {
  const { button, shiftKey } = event;
  if (button > 1) return;
  const pressed = /** @type {Element} */ (event.target);
  const act = /** @type {keyof import("./list.js").RowCommands | "more" | undefined} */ (
    pressed.closest("button")?.dataset["act"]
  );
  /** What stands above the row's own has none. @type {HTMLAnchorElement | null} */
  const link = pressed.closest("a[href]");
  if (act) return button || (act === "more" ? row.toggleExpanded() : commands[act](row));
  if (!isClick || (shiftKey && !link))
    event.preventDefault(); // text is being marked
  else if ((button || shiftKey || event.ctrlKey || event.metaKey) && (link ?? row.link)) {
    // The browser opens a link in another tab by itself; the page shall not be asked about this one
    if (!link) open(row.link?.href, "_blank", "noopener,noreferrer");
    commands.markRead(row);
  } else if (button) return;
  else if (!link && row.link) row.link.click();
  else if (!(link && link !== row.link ? actions.onAction(row, link) : actions.onOpen(row))) {
    event.preventDefault();
  }
}
