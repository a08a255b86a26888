/** Everything in one file, for a page without a bundler: `<script type="module" src=".../clarion.js">`. */

import "./home.js"; // first: elements that are in the page already connect when they are defined
export * from "../index.js";
