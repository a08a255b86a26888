/**
 * Elements where there is less than a browser: on a server the modules can be imported, in a DOM
 * without layout the elements can be made. Nothing here throws.
 */

/** Whatever is asked of it, called or made. @type {any} */
const inert = new Proxy(function () {}, {
  get: (_, name) => (name === "then" ? undefined : name === Symbol.toPrimitive ? String : inert),
  set: () => true,
  apply: () => inert,
  construct: () => inert,
});

const page = globalThis.document ?? inert;
const Resize = globalThis.ResizeObserver ?? inert;
export { page as document, Resize as ResizeObserver };

/** What elements extend; on a server one that is made shows nothing. */
export const Base = /** @type {typeof HTMLElement} */ (
  globalThis.HTMLElement ??
    class {
      isConnected = false;
      getAttribute() {
        return null;
      }
    }
);
if (!globalThis.HTMLElement) Object.setPrototypeOf(Base.prototype, inert);

/**
 * The first definition stays: a page may have two bundles, or load one anew.
 *
 * @param {string} name
 * @param {CustomElementConstructor} constructor
 */
export function define(name, constructor) {
  const { customElements: registry } = globalThis;
  if (registry && !registry.get(name)) registry.define(name, constructor);
}

/**
 * @param {IntersectionObserverCallback} callback
 * @param {IntersectionObserverInit} [options]
 * @returns {Pick<IntersectionObserver, "observe" | "unobserve">}  sees nothing where there is no layout
 */
export function intersectionObserver(callback, options) {
  const { IntersectionObserver: Observer } = globalThis;
  return Observer ? new Observer(callback, options) : { observe() {}, unobserve() {} };
}

/** @param {Element} popover */
export function isOpen(popover) {
  try {
    return popover.matches(":popover-open");
  } catch {
    return false; // it knows of no popovers
  }
}

/**
 * As constructed sheets, which need no `unsafe-inline`; else as style elements.
 *
 * @param {ShadowRoot} root
 * @param {string[]} styles
 */
export function adoptStyles(root, styles) {
  try {
    root.adoptedStyleSheets = styles.map(sheetOf);
  } catch {
    for (const text of styles) root.append(Object.assign(page.createElement("style"), { textContent: text }));
  }
}

/** Shared by all elements of a page. @type {Map<string, CSSStyleSheet>} */
const sheets = new Map();

/** @param {string} text */
function sheetOf(text) {
  let sheet = sheets.get(text);
  if (!sheet) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(text);
    sheets.set(text, sheet);
  }
  return sheet;
}
