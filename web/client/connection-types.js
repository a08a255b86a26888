/**
 * What a connection is in and over, as types; nothing here runs.
 *
 * @typedef {"idle" | "connecting" | "live" | "waiting" | "offline" | "signed-out" | "refused"
 *   | "closed"} State
 *   `waiting`: lost, comes back by itself; `signed-out`: the page has no token, and is asked again
 *   when it is shown, and once a minute; `refused`: will not come back, `detail` says why
 * @typedef {{state: State, code?: string, detail?: string, retryInMs?: number}} StateChange
 *
 * @typedef {{baseMs?: number, capMs?: number}} Backoff
 *
 * @typedef {object} ConnectionOptions
 * @property {string} url
 * @property {import("./tokens.js").TokenSource} tokens
 * @property {Backoff} [backoff]
 * @property {Pick<ReturnType<typeof import("./tabs.js").tabs>,
 *   "elect" | "sync" | "resign" | "follows" | "isRefused">} group  say when it is ours to connect
 *
 * @typedef {object} Link  As much of a WebSocket as is needed.
 * @property {((event: any) => void) | null} onopen
 * @property {((event: {data: string}) => void) | null} onmessage
 * @property {((event: {code: number, reason: string}) => unknown) | null} onclose
 * @property {(frame: string) => void} send
 * @property {() => void} close
 */

export {};
