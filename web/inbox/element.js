import { document } from "./platform.js";

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string>} [attributes]  `as` is class and part; a button is no submit button
 * @param {...(Node | string)} children  strings become text, never markup
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  if (tag === "button") made.setAttribute("type", tag);
  return filled(made, attributes, ...children);
}

/**
 * @template {Element} Made
 * @param {Made} made
 * @param {Record<string, string>} attributes
 * @param {...(Node | string)} children
 */
function filled(made, attributes, ...children) {
  for (const [name, value] of Object.entries(attributes)) {
    for (const one of name === "as" ? ["class", "part"] : [name]) made.setAttribute(one, value);
  }
  made.append(...children);
  return made;
}

/**
 * A line icon that takes the colour of the text; screen readers pass over it.
 *
 * @param {string} path  in a box of 24 by 24
 */
export function icon(path) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  const line = document.createElementNS(space, "path");
  line.setAttribute("d", path);
  return filled(svg, { viewBox: "0 0 24 24", "aria-hidden": "true", class: "icon" }, line);
}

/**
 * Sets a text where it is not the same: a live region is not told twice, a selection stays.
 *
 * @param {HTMLElement} where
 * @param {string} text
 */
export function write(where, text) {
  if (where.textContent !== text) where.textContent = text;
}
