/** How long the client waits for what, and how much of it: milliseconds and counts. */

export const WELCOME_WITHIN_MS = 15_000;
/** The first socket; then it is taken for a proxy that swallows them. */
export const FIRST_SOCKET_WITHIN_MS = 6_000;
export const TOKEN_WITHIN_MS = 10_000;
/** So long an expired token may come out of a cache. */
export const STALE_TOKEN_MS = 120_000;
export const SLOW_RETRY_MS = 60_000;
export const STEADY_AFTER_MS = 10_000;
export const CALM_DOWN_MS = 10_000;
export const SOCKETS_BEFORE_STREAM = 3;

export const POLL_EVERY_MS = 10_000;
/** After a command, to see what it has changed. */
export const POLL_SOON_MS = 700;
export const POLLS_SOON = 3;

export const PONG_WITHIN_MS = 5_000;
export const LOOK_EVERY_MS = 10_000;
export const SLEPT_MS = 5_000;
/** One and a half heartbeats. */
export const QUIET_MS_A_HEARTBEAT_S = 1_500;

/** When four fifths of its life are over. */
export const RENEW_MS_A_LIFE_S = 800;
export const RENEW_AGAIN_MS = 5_000;

/** Together how long a person may look at a tab whose leader is frozen. */
export const LEADER_ANSWERS_WITHIN_MS = 5_000;
export const LEADER_QUIET_MS = 5_000;
export const LAST_WORDS_MS = 100;

/** Of REST, and how often a command is sent that way before it is taken back. */
export const ANSWER_WITHIN_MS = 10_000;
export const COMMAND_ATTEMPTS = 5;
/** Twice as long each time, or as the server asks; one that is not to come again within this is taken back. */
export const COMMAND_AGAIN_MS = 1_000;
export const COMMAND_AGAIN_WITHIN_MS = 30_000;

export const ACKNOWLEDGE_AFTER_MS = 1_000;
export const MAX_ITEMS = 500;
export const MAX_PENDING_COMMANDS = 1_000;
export const MAX_COMMAND_IDS = 1_000;
/** A little less than a browser can. */
export const LONGEST_TIMER_MS = 2_000_000_000;
