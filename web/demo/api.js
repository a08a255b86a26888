/** The gateway's HTTP API, as far as this page needs it. */

/** A call that was refused or not answered, as a sentence. */
export class ApiError extends Error {
  /**
   * @param {number} status  0 where there was no answer
   * @param {string} sentence
   */
  constructor(status, sentence) {
    super(sentence);
    this.status = status;
  }
}

/**
 * @typedef {object} Recipient
 * @property {string} subscriber
 * @property {string | null} notification_id
 * @property {{channel: string, decision: string, reason: string}[]} decisions
 *
 * @typedef {{id: string, state: string, recipients: Recipient[]}} EventStory
 * @typedef {{channel: string, decision: string, reason: string}} Decision
 * @typedef {{id: string, channel: string, state: string, attempts: {outcome: string}[]}} Delivery
 * @typedef {{at: string, what: string, channel?: string | null, detail: string | null}} Step
 * @typedef {{id: string, subscriber: string, decisions: Decision[], deliveries: Delivery[],
 *   timeline: Step[]}} Story
 * @typedef {object} Capture
 * @property {string} id
 * @property {string} channel
 * @property {string | null} subscriber
 * @property {string} recipient
 * @property {{subject?: string, text?: string, html?: string | null, body?: string, from?: string}} message
 * @property {string} captured_at
 */

export class Api {
  /** @param {string} key */
  constructor(key) {
    this.key = key;
  }

  /**
   * @param {unknown} events  one or an array
   * @returns {Promise<{accepted: number, ids: string[]}>}
   */
  send(events) {
    return this.#call("POST", "/v1/events", events);
  }

  /**
   * @param {string} subscriber
   * @returns {Promise<{token: string, expires_at: string}>}
   */
  token(subscriber) {
    return this.#call("POST", "/v1/tokens", { subscriber });
  }

  /**
   * @param {string} id
   * @returns {Promise<EventStory>}
   */
  event(id) {
    return this.#call("GET", `/v1/events/${encodeURIComponent(id)}`);
  }

  /**
   * @param {string} id
   * @returns {Promise<Story>}
   */
  notification(id) {
    return this.#call("GET", `/v1/notifications/${encodeURIComponent(id)}`);
  }

  /** @returns {Promise<{items: Capture[], next_cursor: string | null}>}  the newest first */
  captures() {
    return this.#call("GET", "/v1/captures?limit=20");
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {unknown} [body]
   */
  async #call(method, path, body) {
    const answer = await this.#ask(method, path, body);
    if (!answer.ok) throw new ApiError(answer.status, await sentenceOf(answer));
    return answer.json();
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {unknown} body
   */
  async #ask(method, path, body) {
    const headers = new Headers({ Authorization: `Bearer ${this.key}` });
    if (body !== undefined) headers.set("Content-Type", "application/json");
    const text = body === undefined ? null : JSON.stringify(body);
    try {
      return await fetch(path, { method, headers, body: text });
    } catch {
      throw new ApiError(0, "The server does not answer. Is it running?");
    }
  }
}

/** @param {Response} answer */
async function sentenceOf(answer) {
  try {
    const problem = await answer.json();
    /** @type {{field: string, message: string}[]} */
    const errors = problem.errors ?? [];
    const fields = errors.map((one) => `${one.field}: ${one.message}`).join("; ");
    return [problem.detail ?? problem.title, fields].filter(Boolean).join(" ");
  } catch {
    return `The server answered ${answer.status}.`;
  }
}
