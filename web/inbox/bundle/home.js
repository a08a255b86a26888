import { FeedElement } from "../feed-element.js";

// Where a pusher serves the file, the feed is its neighbour, behind whatever prefix a proxy has
if (/\/web\/[^/]+\/clarion\.js$/.test(new URL(import.meta.url).pathname)) {
  FeedElement.url = new URL("../../v1/live", import.meta.url).href;
}
