import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { heartbeat } from "../../web/client/heartbeat.js";
import { MAX_TIMER_MS, CHECK_EVERY_MS, PONG_TIMEOUT_MS } from "../../web/client/limits.js";
import { timer } from "../../web/client/timer.js";

beforeEach(() => mock.timers.enable({ apis: ["setTimeout", "Date"] }));
afterEach(() => mock.timers.reset());

/** In steps: a timer that fires late tells of a sleep. */
function pass(ms) {
  for (let passed = 0; passed < ms; passed += 1_000) mock.timers.tick(1_000);
}

test("a timer has one purpose: what is set takes the place of what was", () => {
  const done = [];
  const next = timer();
  next(100, () => done.push("first"));
  next(200, () => done.push("second"));
  mock.timers.tick(1000);
  assert.deepEqual(done, ["second"]);
});

test("a call with nothing stops it, and what no browser can wait is not set", () => {
  const done = [];
  const next = timer();
  next(100, () => done.push("stopped"));
  next();
  next(MAX_TIMER_MS, () => done.push("too long"));
  mock.timers.tick(1000);
  assert.deepEqual(done, []);
});

test("a silence of one and a half heartbeats is asked about, and no answer is the end", () => {
  const told = [];
  const [heard] = heartbeat(
    timer(),
    () => told.push("ping"),
    () => told.push("dead"),
  );
  heard(20);
  pass(CHECK_EVERY_MS * 2);
  assert.deepEqual(told, []);
  pass(CHECK_EVERY_MS);
  assert.deepEqual(told, ["ping"]);
  pass(PONG_TIMEOUT_MS);
  assert.deepEqual(told, ["ping", "dead"]);
});

test("an answer begins the silence anew", () => {
  const told = [];
  const [heard, probe] = heartbeat(
    timer(),
    () => told.push("ping"),
    () => told.push("dead"),
  );
  heard(20);
  probe();
  pass(PONG_TIMEOUT_MS - 1_000);
  heard(20);
  pass(CHECK_EVERY_MS * 2);
  assert.deepEqual(told, ["ping"]);
});
