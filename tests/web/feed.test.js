import assert from "node:assert/strict";
import { test } from "node:test";
import { feed } from "../../web/client/feed.js";
import { InboxModel, randomOf, step } from "./inbox-model.js";

/** A feed over a connection that may break at any frame. */
class Page {
  told = new Map();
  feed = feed(() => (this.isAskedAgain = true));
  isAskedAgain = false;
  followers = [];
  #leave = () => {};

  constructor(model) {
    this.model = model;
  }

  connect(framesUntilBreak = Infinity) {
    const hello = this.feed.hello();
    const frames = this.model.replay(hello.since);
    for (const frame of frames.slice(0, framesUntilBreak)) this.#hear(frame);
    if (frames.length > framesUntilBreak) return;
    for (const follower of this.followers) follower.adopt(this.feed.state());
    this.#leave = this.model.listen((frame) => {
      this.#hear(frame);
      for (const follower of this.followers) follower.hear(frame);
    });
  }

  leave() {
    this.#leave();
    this.#leave = () => {};
  }

  #hear(frame) {
    for (const item of this.feed.apply(structuredClone(frame)) ?? []) this.#tell(item);
  }

  #tell({ id, entered }) {
    const key = `${id} ${entered}`;
    this.told.set(key, (this.told.get(key) ?? 0) + 1);
  }

  /** As a tab that shares the leader's connection. */
  adopt(state) {
    for (const item of this.feed.adopt(structuredClone(state), true)) this.#tell(item);
  }

  hear(frame) {
    this.#hear(frame);
  }

  /** As `list()` does: what is older than the client remembers is asked for again. */
  list(page) {
    const answer = this.feed.isOutdated(page) ? this.model.page(page.from) : page;
    this.feed.track(structuredClone(answer));
  }

  held() {
    return [...this.feed.state().items.values()].sort((a, b) => (a.id < b.id ? 1 : -1));
  }
}

function run(seed) {
  const random = randomOf(seed);
  const model = new InboxModel(random.below(20));
  for (let n = 51 + random.below(150); n > 0; n--) step(model, random);
  while (model.items.length < 51) step(model, random);
  const listener = new Page(model);
  const resumer = new Page(model);
  const follower = new Page(model);
  resumer.followers.push(follower);
  listener.connect();
  resumer.connect();
  const base = model.version;
  const answers = [];
  for (let round = 0; round < 12; round++) {
    resumer.leave();
    for (let n = random.below(12); n > 0; n--) {
      step(model, random);
      if (random.chance(0.2)) answers.push(model.page(random.below(model.items.length)));
      if (random.chance(0.2)) resumer.list(model.page(random.below(model.items.length)));
    }
    for (let n = random.below(3); n > 0; n--) {
      resumer.connect(random.below(20));
      resumer.leave();
      if (random.chance(0.5)) step(model, random);
    }
    resumer.connect();
    for (let n = random.below(6); n > 0; n--) step(model, random);
    for (const page of answers.splice(0, random.below(3))) {
      for (const one of [listener, resumer, follower]) one.list(page);
    }
    check(model, base, [listener, resumer, follower]);
  }
  return model.items.length;
}

function check(model, base, pages) {
  const [listener] = pages;
  for (const page of pages) {
    assert.equal(page.isAskedAgain, false);
    assert.equal(page.feed.state().unread, model.unread);
    assert.deepEqual(page.held(), listener.held());
    for (const item of page.feed.all()) assert.deepEqual(item, model.find(item.id));
    assert.deepEqual(
      [...page.told.values()].filter((times) => times !== 1),
      [],
    );
    const entered = model.items.filter((item) => item.entered > base).map((item) => `${item.id} ${item.entered}`);
    assert.deepEqual(
      entered.filter((key) => !page.told.has(key)),
      [],
    );
    assert.deepEqual(
      [...page.told.keys()].filter((key) => !listener.told.has(key)),
      [],
    );
  }
}

test("a page that listened, one that resumed and one that follows hold the same", () => {
  for (let seed = 1; seed <= 300; seed++) {
    try {
      run(seed);
    } catch (error) {
      error.message = `seed ${seed}: ${error.message}`;
      throw error;
    }
  }
});
