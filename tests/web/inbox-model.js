/**
 * What a server does with one inbox, by DESIGN's rules: each change is a frame to who listens, and a
 * replay has items as they are now, and commands, by version.
 */

const SNAPSHOT_SIZE = 50;
const PAGE_SIZE = 30;
const WHOLE_AT_MOST = 8;
const CATEGORIES = ["orders", "chat", null];

/** Numbers that are the same for the same seed. @param {number} seed */
export function randomOf(seed) {
  let state = seed;
  const next = () => {
    state = (Math.imul(state ^ (state >>> 15), 1 | state) + 0x6d2b79f5) | 0;
    return ((state ^ (state >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (bound) => Math.floor(next() * bound);
  return { below, chance: (share) => next() < share, one: (all) => all[below(all.length)] };
}

const isInView = (item) => !item.archived_at && !item.snoozed_until;
const byVersion = (a, b) => a.version - b.version;

export class InboxModel {
  version = 0;
  items = [];
  commands = [];
  #listeners = new Set();

  /** @param {number} [history]  entries so that ids and versions differ */
  constructor(history = 0) {
    this.version = history;
  }

  /** @returns {() => void}  ends it */
  listen(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  get unread() {
    return this.items.filter((item) => isInView(item) && !item.read_at).length;
  }

  find(id) {
    return this.items.find((item) => item.id === id);
  }

  /** A new item; an earlier place than its time of entry where it was scheduled. */
  arrive(place, category) {
    const unset = { seen_at: null, read_at: null, archived_at: null, snoozed_until: null };
    const id = `item-${String(place).padStart(6, "0")}`;
    const version = ++this.version;
    const created_at = new Date(Date.UTC(2026, 0, 1) + place * 1_000).toISOString();
    const item = { id, title: id, category, version, entered: version, created_at, ...unset };
    this.items.push(item);
    this.#tell({ type: "notification", item: { ...item } });
  }

  /** By ids, or `unread`, `unarchive` and `snooze` up to a version: each item changes by itself. */
  change(verb, meant, until = null) {
    const at = this.#at();
    const changed = meant.filter((item) => this.#set(item, verb, at, until));
    const isWhole = verb === "unarchive" || (verb === "snooze" && !until);
    const size = isWhole ? WHOLE_AT_MOST : changed.length;
    for (let from = 0; from < changed.length; from += size) {
      const part = changed.slice(from, from + size);
      this.version += 1;
      for (const item of part) item.version = this.version;
      const said = part.map((item) => (isWhole ? { ...item } : stateOf(item)));
      if (isWhole && said.length === 1) this.#tell({ type: "notification", item: said[0] });
      else this.#tell({ type: "changed", items: said });
    }
  }

  /** `read`, `seen` or `archive` up to a version: one entry in the feed. */
  command(verb, upTo, category) {
    const at = this.#at();
    const up_to = Math.min(upTo, this.version);
    const meant = this.items.filter((item) => item.entered <= up_to && (!category || item.category === category));
    if (meant.filter((item) => this.#set(item, verb, at, null)).length === 0) return;
    const said = { type: "changed", version: ++this.version, items: [], verb, up_to, at };
    if (category) said.category = category;
    this.commands.push(said);
    this.#tell(said);
  }

  /** The end of a snooze, in time. */
  wake(item) {
    if (!item.snoozed_until) return;
    item.version = item.entered = ++this.version;
    item.snoozed_until = item.seen_at = item.read_at = null;
    this.#tell({ type: "notification", item: { ...item } });
  }

  /** The frames that answer `hello`. */
  replay(since) {
    const newest = this.items
      .filter(isInView)
      .sort((a, b) => (a.id < b.id ? 1 : -1))
      .slice(0, SNAPSHOT_SIZE);
    const missed = this.items.filter((item) => item.version > since);
    const items = (since === undefined ? newest : missed).map((item) => ({
      type: "notification",
      version: item.version,
      item: { ...item },
    }));
    const commands = this.commands.filter(({ version }) => version > (since ?? Infinity));
    const all = [...items, ...commands].sort(byVersion);
    // Where more of this version follow, the place to resume from is before it
    const frames = all.map((frame, place) => ({
      ...frame,
      version: frame.version - (all[place + 1]?.version === frame.version ? 1 : 0),
      unread: this.unread,
    }));
    return [
      { type: "welcome", version: this.version, unread: this.unread, epoch: "e", session: "s", heartbeat_s: 25 },
      ...frames,
      { type: "caught_up", version: this.version },
    ];
  }

  /** A page of the list, as it is now. */
  page(from) {
    const items = this.items.toSorted((a, b) => (a.id < b.id ? 1 : -1)).slice(from, from + PAGE_SIZE);
    return { items: items.map((item) => ({ ...item })), version: this.version, epoch: "e", from };
  }

  #at() {
    return new Date(Date.UTC(2026, 5, 1) + this.version * 1_000).toISOString();
  }

  #set(item, verb, at, until) {
    const before = JSON.stringify(stateOf(item));
    if (verb === "read" && !item.read_at) {
      item.read_at = at;
      item.seen_at ??= at;
    } else if (verb === "unread") item.read_at = null;
    else if (verb === "seen") item.seen_at ??= at;
    else if (verb === "archive" && !item.archived_at) {
      item.archived_at = at;
      item.snoozed_until = null;
    } else if (verb === "unarchive") item.archived_at = null;
    else if (verb === "snooze" && !item.archived_at) item.snoozed_until = until;
    return JSON.stringify(stateOf(item)) !== before;
  }

  #tell(frame) {
    const said = { ...frame, version: this.version, unread: this.unread };
    for (const listener of this.#listeners) listener(said);
  }
}

/** As a `changed` frame tells it. */
function stateOf({ id, version, entered, seen_at, read_at, archived_at, snoozed_until }) {
  return { id, version, entered, seen_at, read_at, archived_at, snoozed_until };
}

/** One thing that people, time or a sender do to the inbox. */
export function step(model, random) {
  const place = () => model.items.length * 10 + (random.chance(0.9) ? 1_000 : -random.below(900));
  if (random.chance(0.25) || model.items.length === 0)
    return model.arrive(uniquePlace(model, place), random.one(CATEGORIES));
  const some = () => Array.from({ length: 1 + random.below(12) }, () => random.one(model.items));
  const upTo = () => (random.chance(0.3) ? model.version + random.below(3) : random.below(model.version + 1));
  const covered = (bound) => model.items.filter(({ entered }) => entered <= bound);
  const until = "2030-01-01T00:00:00.000Z";
  const verb = random.one(["read", "seen", "archive", "unread", "unarchive", "snooze", "return", "wake"]);
  if (verb === "wake") return random.chance(0.7) ? model.wake(random.one(model.items)) : undefined;
  const meant = random.chance(0.8) ? [...new Set(some())] : covered(random.below(model.version + 1));
  if (verb === "return") return model.change("snooze", meant);
  if (verb === "snooze") return model.change("snooze", meant, until);
  const isCommand = ["read", "seen", "archive"].includes(verb) && random.chance(0.4);
  if (isCommand) return model.command(verb, upTo(), random.one(CATEGORIES) ?? undefined);
  const isSweeping = ["read", "seen", "archive"].includes(verb);
  model.change(verb, isSweeping ? [...new Set(some())] : meant);
}

function uniquePlace(model, place) {
  for (;;) {
    const found = Math.max(0, place());
    if (!model.find(`item-${String(found).padStart(6, "0")}`)) return found;
  }
}
