/** What floating.js promises. */

import type { Swarm } from "./emostream.js";

export interface FloatingOptions {
  /** Of an emoji, in CSS pixels. Default: 40. */
  size?: number;
  /** Times the scaled counts. Default: 1. */
  density?: number;
  /** Default: "full". */
  position?: keyof typeof positions;
  /** Only these; null, which is the default: all. */
  emojis?: readonly string[] | null;
  /** How many float at once. Default: 400. */
  most?: number;
  /** The colour of the ring around one's own. */
  own?: string;
  /** "auto", which is the default: as the system asks. */
  motion?: "auto" | "full" | "reduced";
}

export const positions: Readonly<Record<"full" | "bottom" | "top" | "left" | "right" | "bottom-left" | "bottom-right" | "top-left" | "top-right", object>>;

/** Draws emojis that float over a canvas, which has the size that CSS gives it. */
export class FloatingCrowd {
  constructor(canvas: HTMLCanvasElement, options?: FloatingOptions);
  /** Changes some of the options. */
  set(options: FloatingOptions): void;
  /** Lets the emojis of a window float. */
  swarm(swarm: Swarm): void;
  /** Lets one's own emoji float, from a place in shares of the canvas, and returns its id. */
  tap(emoji: string, at?: { x?: number; y?: number; result?: "pending" | "accepted" | "refused" | "in_doubt" }): number;
  /** Says what became of one's own emoji. */
  settle(id: number, result: "accepted" | "refused" | "in_doubt"): void;
  pause(): void;
  resume(): void;
  /** Takes everything off the canvas. */
  clear(): void;
  close(): void;
}
