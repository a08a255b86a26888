/** Everything in one file, for a page without a bundler: `<script type="module" src=".../clarion.js">`. */

import { FeedElement } from "./feed-element.js";

export * from "./index.js";

// Where a pusher serves it, the feed is its neighbour, behind whatever prefix a proxy has
if (/\/web\/[^/]+\/clarion\.js$/.test(new URL(import.meta.url).pathname)) {
  FeedElement.url = new URL("../../v1/live", import.meta.url).href;
}
