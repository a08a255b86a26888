import { isShut } from "../client/clarion.js";
import { readAll } from "./read-all.js";
import { SnoozeMenu } from "./snooze.js";
import { Timers } from "./timers.js";
import { shortTime } from "./times.js";

/**
 * @typedef {import("../client/clarion.js").Clarion} Clarion
 * @typedef {import("./row.js").Row} Row
 * @typedef {(client: Clarion) => Promise<unknown>} Command
 */

const FAILURE_FOR_MS = 8_000;

/** What a person does with items. What is archived or snoozed may be taken back for some seconds. */
export class Commands {
  /** Of the last one that failed: a sentence, or nothing. */
  failure = "";
  #menu = new SnoozeMenu();
  #timers = new Timers();
  /** Of the way back from the last one. @type {HTMLElement | undefined} */
  #undoToast;

  #owner;
  #toaster;
  #announce;

  /**
   * @param {import("./inbox.js").ClarionInbox} owner
   * @param {import("./toast.js").Toaster} toaster  offers the way back
   * @param {(sentence: string) => void} announce  for a screen reader
   */
  constructor(owner, toaster, announce) {
    this.#owner = owner;
    this.#toaster = toaster;
    this.#announce = announce;
  }

  get element() {
    return this.#menu.element;
  }

  /** Of all that can be done with it. @param {Row} row */
  menu(row) {
    this.#menu.openActions(row, this.#owner.formatting);
  }

  /** @param {Row} row */
  markRead({ item: { id, read_at } }) {
    if (!read_at) this.#run((client) => client.read(id));
  }

  /** @param {Row} row */
  toggle({ item: { id, read_at } }) {
    this.#run((client) => (read_at ? client.unread(id) : client.read(id)));
  }

  /** @param {string} category  all where it is empty */
  readAll(category) {
    this.#run((client) => readAll(client, category));
  }

  /** @param {Row} row */
  archive({ item: { id, snoozed_until } }) {
    const undo = (/** @type {Clarion} */ client) =>
      Promise.all([client.unarchive(id), snoozed_until && client.snooze(id, snoozed_until)]);
    this.#runWithUndo(id, this.#owner.words.archived, (client) => client.archive(id), undo);
  }

  /** @param {Row} row */
  unarchive({ item: { id } }) {
    this.#run((client) => client.unarchive(id));
  }

  /** @param {Row} row */
  snooze(row) {
    const { id, snoozed_until } = row.item;
    const owner = this.#owner;
    this.#menu.open(row, owner.formatting, (until) => {
      if (!until) return this.#run((client) => client.snooze(id, until));
      const done = owner.fill(owner.words.snoozedUntil, { time: shortTime(until, owner.locale) });
      const to = (/** @type {Date | string | null} */ time) => (/** @type {Clarion} */ client) =>
        client.snooze(id, time);
      this.#runWithUndo(id, done, to(until), to(snoozed_until));
    });
  }

  /** Takes the last one back, where that is still offered. */
  undo() {
    if (this.#undoToast?.isConnected) /** @type {HTMLElement} */ (this.#undoToast.children[2]).click();
  }

  /** They were another person's. */
  clear() {
    this.#timers.stopAll();
    this.#menu.close();
    this.failure = "";
  }

  /**
   * @param {string} id
   * @param {string} title  what it says of it
   * @param {Command} command
   * @param {Command} undo
   */
  #runWithUndo(id, title, command, undo) {
    const { words } = this.#owner;
    const act = () => {
      this.#run(undo);
      this.#owner.reveal({ id });
    };
    const action = { label: words.undo, act };
    const toast = (this.#undoToast = this.#toaster.show({ title, close: words.close, action, open() {} }));
    this.#run(command, () => this.#toaster.dismiss(toast));
    this.#announce(title);
  }

  /**
   * The client shows at once what is asked for, and takes it back where the server refuses.
   *
   * @param {Command} command
   * @param {() => void} [onFailed]
   */
  #run(command, onFailed) {
    const { client } = this.#owner;
    if (!client) return;
    command(client).catch((error) => {
      if (client !== this.#owner.client || isShut(client.state)) return;
      onFailed?.();
      this.#onFailure(error);
    });
  }

  /** @param {unknown} error */
  #onFailure(error) {
    const detail = error instanceof Error ? error.message : "";
    this.failure = this.#owner.fill(this.#owner.words.failed, { detail });
    this.#announce(this.failure);
    this.#owner.render();
    this.#timers.restart("failure", FAILURE_FOR_MS, () => {
      this.failure = "";
      this.#owner.render();
    });
  }
}
