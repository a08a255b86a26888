import assert from "node:assert/strict";
import { test } from "node:test";
import { dayKey, dayName, fullTime, relativeTime, shortTime } from "../../web/inbox/times.js";

const now = new Date(2026, 4, 20, 12, 0, 0);
const before = (seconds) => new Date(now.getTime() - seconds * 1000);

test("what was just now, and what a clock ahead of ours says, is now", () => {
  assert.equal(relativeTime(before(0), now, "en"), "now");
  assert.equal(relativeTime(before(-300), now, "en"), "now");
});

test("minutes, hours and days are cut, not rounded", () => {
  assert.equal(relativeTime(before(119), now, "en"), "1 min. ago");
  assert.equal(relativeTime(before(3_599), now, "en"), "59 min. ago");
  assert.equal(relativeTime(before(2 * 86_400 - 1), now, "en"), "yesterday");
});

test("what is older than six days has its date", () => {
  assert.equal(relativeTime(before(6 * 86_400), now, "en"), "May 14, 2026");
  assert.equal(relativeTime(before(400 * 86_400), now, "de"), "15.04.2025");
});

test("days have names, and their year where it is another", () => {
  assert.equal(dayName(now, now, "en"), "Today");
  assert.equal(dayName(before(86_400), now, "de"), "Gestern");
  assert.match(dayName(before(3 * 86_400), now, "en"), /^Sunday, May 17$/);
  assert.match(dayName(before(365 * 86_400), now, "en"), /2025/);
});

test("a day has one key from its first to its last moment", () => {
  assert.equal(dayKey(new Date(2026, 0, 1, 0, 0, 0)), dayKey(new Date(2026, 0, 1, 23, 59, 59)));
  assert.notEqual(dayKey(new Date(2026, 0, 1)), dayKey(new Date(2026, 0, 2)));
});

test("what is no time is empty, and nothing throws", () => {
  const never = new Date(Number.NaN);
  assert.deepEqual([fullTime(never, "en"), shortTime(never, "en")], ["", ""]);
});
