import { FeedElement } from "../feed-element.js";
import { locales } from "../messages.js";

const beside = (/** @type {string} */ path) => new URL(path, import.meta.url).href;

// Where a pusher serves the file, the feed is its neighbour, behind whatever prefix a proxy has
if (/\/web\/[^/]+\/clarion\.js$/.test(new URL(import.meta.url).pathname)) {
  FeedElement.url = beside("../../v1/live");
}
for (const tag of ["ar", "de", "es", "fr", "ja", "pt"]) {
  locales[tag] = () => import(beside(`locales/${tag}.js`));
}
