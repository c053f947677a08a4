// A world for emostream.js in which time passes when the test says so, and in which the test is the servers. It stands in
// for what the module uses of the browser.

export class World {
  now = Date.UTC(2026, 0, 1);
  timers = new Map();
  requests = []; // all that were made: { path, query, method, body, token, keepalive, answer(status, body, headers), fail() }
  streams = []; // all that were opened
  online = true;
  hidden = false;
  #next = 1;
  // answers is called with each request. What it returns is the answer: [status, body, headers], "fail", or nothing: none yet.
  answers = request => request.path === "/register" ? this.registered() : request.path === "/v1/config" ? [404, {}] : undefined;

  constructor() {
    const world = this;
    Date.now = () => world.now;
    Math.random = () => 0.5;
    globalThis.setTimeout = (act, wait = 0, ...args) => world.#timer(() => act(...args), Math.max(0, wait));
    globalThis.setInterval = (act, every) => world.#timer(act, every, every);
    globalThis.clearTimeout = globalThis.clearInterval = id => world.timers.delete(id);
    globalThis.fetch = (url, init = {}) => world.#fetch(new URL(url), init);
    globalThis.EventSource = class extends EventTarget {
      constructor(url) {
        super();
        this.url = new URL(url);
        world.streams.push(this);
      }
      isClosed = false;
      close() { this.isClosed = true; }
      open() { if (!this.isClosed) this.onopen?.(); }
      break() { if (!this.isClosed) this.onerror?.(); }
      send(type, data = {}, lastEventId = "") {
        if (!this.isClosed) this.dispatchEvent(new MessageEvent(type, { data: JSON.stringify(data), lastEventId: String(lastEventId) }));
      }
      live() { this.open(); this.send("state", { state: "open" }); }
      window(n, total, extra = {}) {
        const at = ms => new Date(Date.UTC(2026, 0, 1) + ms).toISOString();
        this.send("swarm", { channel: "main", window: { start: at(2000 * n - 2000), end: at(2000 * n) }, total, emojis: [{ emoji_type: "🔥", emoji_count: total, emoji_count_aggregated: 1 }], ...extra }, Date.UTC(2026, 0, 1) + 2000 * n);
      }
    };
    Object.defineProperty(navigator, "onLine", { get: () => world.online, configurable: true });
    Object.defineProperty(document, "hidden", { get: () => world.hidden, configurable: true });
  }

  registered(name = "sub1", query = "channel=main") {
    return [200, { server_name: name, stream_url: `http://${name}.example/v1/swarm?${query}` }];
  }

  get stream() { return this.streams.at(-1); }
  get open() { return this.streams.filter(stream => !stream.isClosed).length; }
  of(path) { return this.requests.filter(request => request.path === path); }

  #timer(act, wait, every) {
    const id = this.#next++;
    this.timers.set(id, { act, at: this.now + wait, every });
    return id;
  }

  #fetch(url, init) {
    return new Promise((resolve, reject) => {
      const request = {
        path: url.pathname, query: url.searchParams, host: url.host, method: init.method ?? "GET", mode: init.mode, keepalive: init.keepalive, at: this.now,
        body: init.body && JSON.parse(init.body), size: init.body && new Blob([init.body]).size, token: init.headers?.Authorization?.replace("Bearer ", ""), isAborted: false,
        answer: (status, body = {}, headers = {}) => resolve(new Response(JSON.stringify(body), { status, headers })),
        fail: () => reject(new TypeError("Failed to fetch")),
      };
      if (init.signal?.aborted) return reject(init.signal.reason);
      init.signal?.addEventListener("abort", () => { request.isAborted = true; reject(init.signal.reason); });
      this.requests.push(request);
      const answer = this.answers(request);
      if (answer === "fail") request.fail();
      else if (answer) request.answer(...answer);
    });
  }

  // settle lets everything happen that waits for no time.
  async settle() {
    const { port1, port2 } = new MessageChannel();
    for (let i = 0; i < 12; i++) await new Promise(next => { port1.onmessage = next; port2.postMessage(0); });
    port1.close();
  }

  // pass lets time go by.
  async pass(ms) {
    const until = this.now + ms;
    await this.settle();
    for (;;) {
      const [id, timer] = [...this.timers].sort(([, a], [, b]) => a.at - b.at)[0] ?? [];
      if (!timer || timer.at > until) break;
      this.now = Math.max(this.now, timer.at);
      if (timer.every) timer.at += timer.every;
      else this.timers.delete(id);
      timer.act();
      await this.settle();
    }
    this.now = until;
    await this.settle();
  }

  // sleep is a machine that sleeps: its clock goes on, and its timers do not.
  sleep(ms) {
    this.now += ms;
    for (const timer of this.timers.values()) timer.at += ms;
  }

  event(target, type, init) { target.dispatchEvent(Object.assign(new Event(type), init)); }
}

export function is(got, want, what = "") {
  [got, want] = [JSON.stringify(got), JSON.stringify(want)];
  if (got !== want) throw new Error(`${what} is ${got}, want ${want}`);
}
