// What screen readers say: changes of state at once, and at most every 15 seconds what the crowd has sent.
import {number, plural} from "./page-score.js";

const every = 15_000;

export class Say {
  #summary = document.getElementById("say"); #state = document.getElementById("say-state");
  #windows = new Map(); #due = 0; #names;

  /** Whether summaries are wanted. */
  muted = false;

  constructor(names) { this.#names = names; }

  /** Says a change of state, if it is one. */
  state(text) {
    if (this.#state.textContent !== text) this.#state.textContent = text;
  }

  swarm(swarm) {
    this.#due ||= Date.now() + every;
    this.#windows.set(swarm.window.start, swarm); // a window that has grown takes its own place
    if (this.#windows.size > 1000) this.#windows.delete(this.#windows.keys().next().value);
  }

  /** Begins anew, for another channel. */
  clear() {
    this.#windows.clear();
    this.#due = 0;
  }

  /** Says the summary when it is due. */
  tick() {
    if (!this.#due || Date.now() < this.#due) return;
    const counts = new Map();
    let total = 0, own = 0;
    for (const swarm of this.#windows.values()) {
      total += swarm.total;
      for (const {emoji_type: emoji, emoji_count: count} of swarm.emojis) {
        counts.set(emoji, (counts.get(emoji) ?? 0) + count);
        own += swarm.own?.[emoji] ?? 0;
      }
    }
    this.#windows.clear();
    this.#due = 0;
    if (this.muted || total === 0 || document.hidden) return;
    const first = [...counts].sort((a, b) => b[1] - a[1]).slice(0, 3).map(([emoji, count]) => `${this.#names(emoji)} ${number(count)}`);
    this.#summary.textContent = `${plural(total, "reaction")}: ${first.join(", ")}.${own ? ` ${number(own)} yours.` : ""}`;
  }
}
