/**
 * @typedef {import("./frames.js").CommandFrame} CommandFrame
 * @typedef {import("./frames.js").StateFrame} StateFrame
 * @typedef {import("./frames.js").PublishFrame} PublishFrame
 * @typedef {Omit<StateFrame, "ref"> | Omit<PublishFrame, "ref">} Command
 * @typedef {{frame: CommandFrame, resolve: () => void, reject: (error: Error) => void}} Pending
 */
export type CommandFrame = import("./frames.js").CommandFrame;
export type StateFrame = import("./frames.js").StateFrame;
export type PublishFrame = import("./frames.js").PublishFrame;
export type Command = Omit<StateFrame, "ref"> | Omit<PublishFrame, "ref">;
export type Pending = {
    frame: CommandFrame;
    resolve: () => void;
    reject: (error: Error) => void;
};
/** The server, or the end of the connection, refused a command. `code` is stable. */
export declare class ClarionError extends Error {
    code: string;
    /**
     * @param {string} code
     * @param {string} detail
     */
    constructor(code: string, detail: string);
}
/**
 * Commands on their way. Each may be carried out twice without harm, so one that was not answered
 * when the connection broke is sent again on the next. The refs of two tabs do not meet.
 */
export declare function commands(): {
    /** In the order they were given. */
    unanswered: () => import("./frames.js").CommandFrame[];
    /** Those that change items. */
    hopes: () => StateFrame[];
    /**
     * @param {Command} command
     * @param {(frame: CommandFrame) => void} send
     * @returns {Promise<void>}  when the server has carried it out
     */
    issue(command: Command, send: (frame: CommandFrame) => void): Promise<void>;
    /**
     * @param {import("./frames.js").Ok | import("./frames.js").ErrorFrame} frame
     * @returns {boolean}  whether it answers a command of ours
     */
    answer(frame: import("./frames.js").Ok | import("./frames.js").ErrorFrame): boolean;
    /** @param {ClarionError} error */
    abandon(error: ClarionError): void;
};
