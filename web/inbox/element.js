import { document } from "./platform.js";

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string>} [attributes]  `as` is class and part; a button is no submit button
 * @param {...(Node | string)} children  strings become text, never markup
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  if (tag === "button") node.setAttribute("type", tag);
  return withAttributes(node, attributes, ...children);
}

/**
 * @template {Element} Made
 * @param {Made} node
 * @param {Record<string, string>} attributes
 * @param {...(Node | string)} children
 */
function withAttributes(node, attributes, ...children) {
  for (const [name, value] of Object.entries(attributes)) {
    for (const one of name === "as" ? ["class", "part"] : [name]) node.setAttribute(one, value);
  }
  node.append(...children);
  return node;
}

/**
 * A line icon that takes the colour of the text; screen readers pass over it.
 *
 * @param {string} path  in a box of 24 by 24
 */
export function icon(path) {
  const namespace = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(namespace, "svg");
  const line = document.createElementNS(namespace, "path");
  line.setAttribute("d", path);
  return withAttributes(svg, { viewBox: "0 0 24 24", "aria-hidden": "true", class: "icon" }, line);
}

/**
 * Sets a text where it is not the same: a live region is not told twice, a selection stays.
 *
 * @param {HTMLElement} where
 * @param {string} text
 */
export function setText(where, text) {
  if (where.textContent !== text) where.textContent = text;
}
