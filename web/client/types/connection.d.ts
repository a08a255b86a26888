export type ClientFrame = import("./frames.js").ClientFrame;
export type ServerFrame = import("./frames.js").ServerFrame;
export type State = "idle" | "connecting" | "live" | "waiting" | "offline" | "refused" | "closed";
export type StateChange = {
    state: State;
    code?: string;
    detail?: string;
    retryInMs?: number;
};
export type Link = {
    send: (frame: ClientFrame) => void;
    /**
     * nothing more is heard of it
     */
    close: () => void;
};
export type LinkOptions = {
    url: string;
    token: string;
    /**
     * it takes frames now
     */
    opened: () => void;
    heard: (frame: ServerFrame) => void;
    closed: (code: number, reason: string) => void;
};
export type ConnectionOptions = {
    url: string;
    tokens: import("./tokens.js").TokenSource;
    backoff: import("./return.js").Backoff;
    /**
     * when it is ours to connect; rejects for good
     */
    admit: (token: string) => Promise<void>;
    /**
     * the token has been sent; say hello
     */
    onOpen: () => void;
    onFrame: (frame: ServerFrame) => void;
    onState: (change: StateChange) => void;
};
/**
 * One link after the other to the same feed, until `end()` or the server says not to return.
 *
 * @param {ConnectionOptions} options
 */
export declare function connection({ url, tokens, backoff, admit, onOpen, onFrame, onState }: ConnectionOptions): {
    start(): void;
    /** Begin again, after another tab has taken over. */
    restart: () => Promise<void>;
    end: (change: StateChange) => void;
    send: (frame: ClientFrame) => void | undefined;
    /** The server knows us. @param {number} heartbeatS */
    welcomed(heartbeatS: number): void;
    /** The feed is complete and live. */
    live(): void;
};
