/** The elements `<clarion-bell>` and `<clarion-inbox>`: importing this defines them. */

export { Clarion, ClarionError } from "../client/clarion.js";
export { ClarionBell } from "./bell.js";
export { ClarionInbox } from "./inbox.js";
export { locales } from "./messages.js";

/**
 * @typedef {import("../client/clarion.js").Item} Item
 * @typedef {import("../client/clarion.js").StateChange} StateChange
 * @typedef {import("./messages.js").Phrase} Phrase
 * @typedef {import("./messages.js").Words} Words
 * @typedef {import("./messages.js").SomeWords} SomeWords
 * @typedef {import("./elements.js").BellAttributes} BellAttributes
 * @typedef {import("./elements.js").InboxAttributes} InboxAttributes
 * @typedef {import("./elements.js").ElementEvents} ElementEvents
 * @typedef {import("./elements.js").ActionDetail} ActionDetail
 * @typedef {import("./elements.js").ViewDetail} ViewDetail
 * @typedef {import("./elements.js").ToggleDetail} ToggleDetail
 */
