/** What emostream.js promises. All times are in milliseconds, all emojis strings of one emoji. */

export interface Options {
  /** The main server, such as "https://emostream.example.com". Default: the server that the module comes from. */
  server?: string | URL;
  /** Default: "main". */
  channel?: string;
  /** Who taps. Default: with a token its subject, else a random name that the tab keeps in its sessionStorage. */
  user?: string;
  /** A token, or a function that gets one. The function is called again before the token runs out, and when it was refused. */
  token?: string | (() => string | Promise<string>);
  /** false: only taps are sent, and no stream is opened. Default: true. */
  listen?: boolean;
}

/** Connects at once, and stays connected until close. */
export function connect(options?: Options): Crowd;

export interface Crowd extends EventTarget {
  readonly channel: string;
  readonly state: State;
  /** What the server says of itself; null until it is known. A "config" event tells when it has come or changed. */
  readonly config: Config | null;
  /** Sends an emoji count times (1 to 100; default 1). It throws nothing: what becomes of it is told by the tap's promise and by events. */
  tap(emoji: string, count?: number): Tap;
  /** Ends the stream, and sends what is waiting. */
  close(): void;

  addEventListener<K extends keyof Events>(type: K, listener: (event: CustomEvent<Events[K]>) => void, options?: boolean | AddEventListenerOptions): void;
  addEventListener(type: string, listener: EventListenerOrEventListenerObject | null, options?: boolean | AddEventListenerOptions): void;
}

export interface Events {
  /** A window, or a window that has grown or changed since it was told. */
  swarm: Swarm;
  /** crowd.state has changed. */
  state: State;
  /** crowd.config has come or changed. */
  config: Config;
  /** Taps are certainly counted. */
  accepted: Tap;
  /** Taps are certainly not counted, or, where result is "in_doubt", perhaps. A code that begins with "token_" asks people to log in. */
  refused: Tap;
}

export interface Tap {
  readonly emoji: string;
  readonly count: number;
  /** "pending" until the server has answered. */
  readonly result: "pending" | "accepted" | "refused" | "in_doubt";
  /**
   * The server's code, such as "paused", and its text for people, where it was not accepted. Codes of the page itself:
   * "offline", "no_token", "crowd_closed", "too_many_taps" (not sent), and "no_answer" (in doubt).
   */
  readonly code?: string;
  readonly error?: string;
  /** When the server has recorded it. */
  readonly acceptedAt?: number;
  /** Is fulfilled with the tap itself when the result is known; never rejected. */
  readonly done: Promise<Tap>;
}

export interface State {
  /**
   * connecting: for the first time. live: windows come. reconnecting: it tries again in retryIn ms.
   * full: there is no place; it tries again in retryIn ms. offline: the browser has no network, or no server was heard since.
   * signed_out: the server wants a token that nobody has. refused: the server will not let this page listen, and says why in
   * error, such as that it does not invite the page's origin (code "origin_not_invited"). After these two it tries again in
   * a minute, in case that something has been changed. closed: close was called.
   */
  readonly connection: "connecting" | "live" | "reconnecting" | "full" | "offline" | "signed_out" | "refused" | "closed";
  readonly retryIn?: number;
  readonly code?: string;
  readonly error?: string;
  /** What managers have set for the channel. */
  readonly channel: { readonly state: "open" | "paused" | "closed" | "slowed"; readonly until?: number; readonly reason?: string; readonly perUser?: string };
  /** How many taps have no answer yet. */
  readonly pending: number;
  /** How much the server's clock is ahead of this one, in ms, as far as an answer has told it. */
  readonly clockAhead: number;
}

export interface Swarm {
  readonly channel: string;
  readonly window: { readonly start: string; readonly end: string };
  /** No later window is known. Another one is a window that has grown, or was missed. */
  readonly newest: boolean;
  /** All reactions of the window, also of emojis that are not listed. */
  readonly total: number;
  /** The most frequent first: the count, and the scaled count, how many emojis to draw. */
  readonly emojis: readonly { readonly emoji_type: string; readonly emoji_count: number; readonly emoji_count_aggregated: number }[];
  /** How many of the listed emojis were accepted from this crowd's own taps in this window. */
  readonly own: Readonly<Record<string, number>>;
}

/** The answer of GET /v1/config, without the time. */
export interface Config {
  readonly channels: readonly string[];
  readonly palette: readonly string[];
  readonly names: Readonly<Record<string, string>>;
  readonly any_emoji: boolean;
  /** Emojis that are not taken now. Null: more than a hundred. */
  readonly hidden: readonly string[] | null;
  readonly window_ms?: number;
  readonly limits: { readonly count: number; readonly items: number; readonly user?: Rate; readonly address?: Rate };
  readonly token_needed: { readonly send: boolean; readonly watch: boolean };
  readonly paused: Readonly<Record<string, Control>>;
  readonly slowed: Readonly<Record<string, Control>>;
  /** What is set for other channels than main was left out; ?channel=NAME asks for one. */
  readonly more_channels: boolean;
  /** Where people get a token. */
  readonly login_url?: string;
}
export interface Rate { readonly per_second: number; readonly at_once: number }
export interface Control { readonly state: string; readonly per_user?: Rate; readonly until?: string; readonly reason?: string }
