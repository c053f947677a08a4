// A crowd that is made up, for trying out what shows one without a server. connect is used as that of emostream.js is.
const favourites = ["🔥", "❤️", "👏", "😂", "🎉", "😮", "👍", "💯"];
const windowLength = 2000;
const event = (type, detail) => new CustomEvent(type, {detail});

export function connect(options = {}) { return new Demo(options); }

class Demo extends EventTarget {
  #mood = 0; #timer; #own = new Map();
  #state = {connection: "connecting", channel: {state: "open"}, pending: 0, clockAhead: 0};

  constructor({channel = "main", emojis = [], listen = true}) {
    super();
    this.channel = channel;
    const palette = emojis.length > 0 ? emojis : favourites;
    this.config = {
      channels: ["*"], palette, names: {}, any_emoji: true, hidden: [], window_ms: windowLength, limits: {count: 100, items: 10000},
      token_needed: {send: false, watch: false}, paused: {}, slowed: {}, more_channels: false,
    };
    const begin = () => {
      this.dispatchEvent(event("config", this.config));
      this.#become({connection: "live"});
      if (listen) this.#window();
    };
    this.#timer = setTimeout(begin);
  }

  get state() { return this.#state; }

  tap(emoji, count = 1) {
    const tap = {emoji, count, result: "pending"};
    this.#become({pending: this.#state.pending + 1});
    tap.done = new Promise(known => setTimeout(() => {
      tap.result = "accepted";
      tap.acceptedAt = Date.now();
      this.#own.set(emoji, (this.#own.get(emoji) ?? 0) + count);
      this.#become({pending: this.#state.pending - 1});
      this.dispatchEvent(event("accepted", tap));
      known(tap);
    }, 150));
    return tap;
  }

  close() {
    clearTimeout(this.#timer);
    this.#become({connection: "closed"});
  }

  #become(change) {
    if (this.#state.connection === "closed") return;
    this.#state = {...this.#state, ...change};
    this.dispatchEvent(event("state", this.#state));
  }

  // One window: excitement comes and goes, and each emoji has its share of it.
  #window() {
    this.#mood = Math.max(0.05, Math.min(1, this.#mood + (Math.random() - 0.45) * 0.5));
    const end = Math.floor(Date.now() / windowLength) * windowLength;
    const own = Object.fromEntries(this.#own);
    const emojis = this.config.palette.map((emoji, i) => {
      const count = Math.round(this.#mood * 240 * Math.random() / (1 + i)) + (own[emoji] ?? 0);
      return {emoji_type: emoji, emoji_count: count, emoji_count_aggregated: count < 10 ? Math.min(1, count) : count / 10};
    }).filter(e => e.emoji_count > 0).sort((a, b) => b.emoji_count - a.emoji_count);
    this.#own.clear();
    this.dispatchEvent(event("swarm", {
      channel: this.channel, window: {start: new Date(end - windowLength).toISOString(), end: new Date(end).toISOString()},
      newest: true, total: emojis.reduce((sum, e) => sum + e.emoji_count, 0), emojis, own,
    }));
    this.#timer = setTimeout(() => this.#window(), windowLength - Date.now() % windowLength);
  }
}
