// Stands in for emostream.js: a test says what the page is told, and what becomes of taps.
export function connect(options = {}) { return new Crowd(options); }

const names = {"🔥": "fire", "😂": "face with tears of joy", "👍": "thumbs up", "🎉": "party popper", "💯": "hundred points", "😮": "face with open mouth", "😢": "crying face", "🚀": "rocket", "💖": "sparkling heart"};

class Crowd extends EventTarget {
  config = null;
  state = {connection: "connecting", channel: {state: "open"}, pending: 0, clockAhead: 0};
  taps = [];

  constructor(options) {
    super();
    this.options = options;
    this.channel = options.channel ?? "main";
    (window.crowds ??= []).push(this);
    window.crowd = this;
  }

  tell(type, detail) { this.dispatchEvent(new CustomEvent(type, {detail})); }

  set(change) {
    this.state = {...this.state, ...change};
    this.tell("state", this.state);
  }

  offer(change) {
    this.config = {
      channels: ["*"], palette: Object.keys(names), names, any_emoji: true, window_ms: 2000, limits: {count: 100, items: 10000},
      token_needed: {send: false, watch: false}, paused: {}, slowed: {}, ...change,
    };
    this.tell("config", this.config);
  }

  // The window that is so many windows after the first one, with counts by emoji.
  swarm(after, counts, own = {}, total) {
    const at = n => new Date((this.first ??= Math.floor(Date.now() / 2000) * 2000) + n * 2000).toISOString();
    const emojis = Object.entries(counts).sort((a, b) => b[1] - a[1]).map(([emoji, count]) => ({
      emoji_type: emoji, emoji_count: count, emoji_count_aggregated: count < 10 ? 1 : Math.floor(count / 10),
    }));
    total ??= emojis.reduce((sum, e) => sum + e.emoji_count, 0);
    this.tell("swarm", {channel: this.channel, window: {start: at(after), end: at(after + 1)}, total, emojis, own});
  }

  tap(emoji, count = 1) {
    const tap = {emoji, count, result: "pending"};
    tap.done = new Promise(done => { tap.answer = (result, code, error) => {
      Object.assign(tap, {result, code, error});
      this.set({pending: this.state.pending - count});
      this.tell(result === "accepted" ? "accepted" : "refused", tap);
      done(tap);
    }; });
    this.taps.push(tap);
    this.set({pending: this.state.pending + count});
    return tap;
  }

  close() { this.set({connection: "closed"}); }
}
