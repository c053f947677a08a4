/** What emostream-crowd.js promises: it defines the element <emostream-crowd>. */

import type { Crowd, Options, Tap } from "./emostream.js";

export class EmostreamCrowd extends HTMLElement {
  /** null while the element is in no page. */
  readonly crowd: Crowd | null;
  get token(): Options["token"] & {};
  set token(token: Options["token"]);
  /** Taps on an emoji, as a button of the palette does, and lets it float from a place in shares of the element. */
  tap(emoji: string, count?: number, at?: { x?: number; y?: number }): Tap | undefined;
}

declare global {
  interface HTMLElementTagNameMap {
    "emostream-crowd": EmostreamCrowd;
  }
}
