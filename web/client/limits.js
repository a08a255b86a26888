/** How long the client waits for what, and how much of it: milliseconds and counts. */

export const WELCOME_TIMEOUT_MS = 15_000;
/** The first socket; then it is taken for a proxy that swallows them. */
export const FIRST_SOCKET_TIMEOUT_MS = 6_000;
export const TOKEN_TIMEOUT_MS = 10_000;
/** So long an expired token may come out of a cache. */
export const STALE_TOKEN_MS = 120_000;
export const SLOW_RETRY_MS = 60_000;
export const STABLE_AFTER_MS = 10_000;
export const RATE_LIMIT_BACKOFF_MS = 10_000;
export const SOCKETS_BEFORE_STREAM = 3;

export const POLL_EVERY_MS = 10_000;
/** After a command, to see what it has changed. */
export const FAST_POLL_MS = 700;
export const FAST_POLLS = 3;

export const PONG_TIMEOUT_MS = 5_000;
export const CHECK_EVERY_MS = 10_000;
export const SLEEP_THRESHOLD_MS = 5_000;
/** One and a half heartbeats. */
export const SILENCE_MS_PER_HEARTBEAT_S = 1_500;

/** When four fifths of its life are over. */
export const RENEW_MS_PER_LIFETIME_S = 800;
export const RENEW_RETRY_MS = 5_000;

/** Together how long a person may look at a tab whose leader is frozen. */
export const LEADER_TIMEOUT_MS = 5_000;
export const LEADER_SILENCE_MS = 5_000;
export const LOCK_RELEASE_DELAY_MS = 100;

/** Of REST, and how often a command is sent that way before it is taken back. */
export const RESPONSE_TIMEOUT_MS = 10_000;
export const COMMAND_ATTEMPTS = 5;
/** Twice as long each time, or as the server asks; one that is not to come again within this is taken back. */
export const COMMAND_RETRY_MS = 1_000;
export const COMMAND_RETRY_WITHIN_MS = 30_000;

/** That a list goes through by itself until it has an item. */
export const MAX_EMPTY_PAGES = 20;

export const ACKNOWLEDGE_AFTER_MS = 1_000;
export const MAX_ITEMS = 500;
/** As the server sends them: fewer are all that was neither archived nor snoozed. */
export const SNAPSHOT_SIZE = 50;
/** Changes kept for lists that were read before them; an older list is asked for again. */
export const MAX_RECENT_CHANGES = 100;
export const MAX_PENDING_COMMANDS = 1_000;
export const MAX_COMMAND_IDS = 1_000;
/** A little less than a browser can. */
export const MAX_TIMER_MS = 2_000_000_000;
