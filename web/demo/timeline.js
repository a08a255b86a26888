/**
 * The steps of a notification's timeline that a reader of this page cares for, in a few words.
 *
 * @typedef {import("./api.js").Story} Story
 * @typedef {import("./api.js").Step} Step
 * @typedef {{at: number, title: string, detail: string, tone: "plain" | "good" | "bad"}} TimelineEntry
 */

/** @type {Record<string, string>} */
const CHANNELS = { inbox: "Inbox", email: "Email", sms: "SMS" };

/** @type {Record<string, [title: string, tone: TimelineEntry["tone"]]>} */
const OUTCOMES = {
  sent: ["sent", "good"],
  retry: ["not taken, will be tried again", "bad"],
  unknown: ["not answered, will be tried again", "bad"],
  failed: ["refused", "bad"],
};

/** @type {Record<string, string>} */
const INBOX = { in_inbox: "In the inbox", seen: "Seen", read: "Read", archived: "Archived" };
const BAD = new Set(["failed", "dead", "bounced", "expired"]);
const GOOD = new Set(["in_inbox", "read", "delivered"]);

/**
 * @param {Story} story
 * @returns {TimelineEntry[]}
 */
export function timelineEntries(story) {
  const attempts = new Map(story.deliveries.map((one) => [one.channel, [...one.attempts]]));
  const news = story.timeline.filter((step) => isNews(step, story));
  return news.map((step) => {
    const attempt = step.what === "attempted" ? attempts.get(step.channel ?? "")?.shift() : undefined;
    const [words, tone] = OUTCOMES[attempt?.outcome ?? ""] ?? [step.what, toneOf(step.what)];
    return { at: Date.parse(step.at), title: title(step, words), detail: step.detail ?? "", tone };
  });
}

/**
 * What was decided is news where it is not simply "send"; waiting, while it lasts.
 *
 * @param {Step} step
 * @param {Story} story
 */
function isNews(step, { decisions, deliveries }) {
  if (step.what === "decided") {
    return decisions.some((one) => one.channel === step.channel && one.decision !== "send");
  }
  if (step.what !== "queued") return true;
  return deliveries.some((one) => one.channel === step.channel && one.attempts.length === 0);
}

/**
 * @param {Step} step
 * @param {string} words
 */
function title({ what, channel }, words) {
  if (channel === "inbox" && INBOX[what]) return INBOX[what];
  const plain = words.replaceAll("_", " ");
  if (channel) return `${CHANNELS[channel] ?? channel} ${plain}`;
  return plain.charAt(0).toUpperCase() + plain.slice(1);
}

/**
 * @param {string} what
 * @returns {TimelineEntry["tone"]}
 */
function toneOf(what) {
  if (BAD.has(what)) return "bad";
  return GOOD.has(what) ? "good" : "plain";
}
