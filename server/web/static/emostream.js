// Connects a page to Emostream; emostream.d.ts says how. A Crowd is what the page has: Calls ask
// the main server, a Listener keeps a stream open, and a TapQueue sends taps in batches.

const source = import.meta.url; // not in place: bundlers take new URL(…, import.meta.url) for a file
const seconds = 1000, minutes = 60 * seconds;

export function connect(options = {}) {
  return new Crowd(options);
}

class Crowd extends EventTarget {
  #now = { connection: "connecting", channel: { state: "open" } };
  #state = Object.freeze({ ...this.#now, pending: 0, clockAhead: 0 });
  #config = null;
  #configText;
  #configAt = -Infinity;
  #configTimer;
  #stop = new AbortController();
  #calls;
  #taps;
  #listener;

  constructor({ server, channel = "main", user, token, listen = true }) {
    super();
    this.channel = channel;
    this.#calls = new Calls(server ?? new URL(".", source), token);
    this.#taps = new TapQueue(this.#calls, { channel, user_id: user ?? (token ? undefined : nameOfTab()) }, {
      ended: tap => {
        this.#tell(tap.result === "accepted" ? "accepted" : "refused", tap);
        if (/emoji/.test(tap.code)) this.#readConfigSoon();
      },
      changed: () => this.#set(),
      isOffline: () => this.#now.connection === "offline",
      tokenRefused: (code, error) => listen || this.#set({ connection: "signed_out", code, error }),
      limits: () => this.#config?.limits,
    });
    this.#listener = listen ? new Listener(this.#calls, channel, {
      connection: (connection, more) => this.#set({ connection, retryIn: undefined, code: undefined, error: undefined, ...more }),
      isOffline: () => this.#now.connection === "offline",
      channel: state => this.#setChannel(state) && this.#readConfigSoon(),
      swarm: swarm => this.#tell("swarm", swarm),
      own: swarm => this.#taps.ownIn(swarm),
    }) : undefined;
    // Not at once: React's strict mode closes it in the same moment.
    queueMicrotask(() => this.#stop.signal.aborted || this.#start());
  }

  get state() { return this.#state; }
  get config() { return this.#config; }

  tap(emoji, count = 1) {
    const tap = this.#taps.add(String(emoji), Number(count));
    this.#taps.send();
    return tap;
  }

  close() {
    if (this.#stop.signal.aborted) return;
    this.#set({ connection: "closed", retryIn: undefined, code: undefined, error: undefined });
    this.#stop.abort();
    clearTimeout(this.#configTimer);
    this.#listener?.stop();
    this.#taps.close();
  }

  #start() {
    const on = (target, type, act) => target.addEventListener(type, act, { signal: this.#stop.signal });
    on(window, "online", () => this.#wake(true));
    on(window, "offline", () => this.#set({ connection: "offline", retryIn: undefined }));
    on(window, "pageshow", event => event.persisted && this.#wake(true));
    on(document, "resume", () => this.#wake());
    on(document, "visibilitychange", () => document.hidden ? this.#taps.send(true) : this.#wake());
    on(window, "pagehide", () => {
      this.#taps.send(true);
      this.#listener?.stop();
    });
    this.#readConfig();
    if (this.#listener) this.#listener.start();
    else this.#set({ connection: "live" });
  }

  // wake is called when the page may have been away, or the network.
  #wake(fromFarAway) {
    if (this.#listener) this.#listener.wake(fromFarAway);
    else if (this.#now.connection === "offline") this.#set({ connection: "live" });
    if (Date.now() - this.#configAt > minutes) this.#readConfig();
    this.#taps.send();
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  // set changes the state, and tells it if it has become another one.
  #set(change) {
    if (this.#now.connection !== "closed") Object.assign(this.#now, change);
    const state = Object.freeze({ ...this.#now, pending: this.#taps.pending, clockAhead: this.#calls.clock.ahead });
    if (JSON.stringify(state) === JSON.stringify(this.#state)) return false;
    this.#state = state;
    this.#tell("state", state);
    return true;
  }

  #setChannel({ state, until, reason, per_user: perUser }) {
    if (perUser?.per_second) perUser = `${perUser.per_second}/s`; // in /v1/config it is an object
    return this.#set({ channel: Object.freeze({ state, until: until && Date.parse(until), reason, perUser }) });
  }

  // readConfigSoon spreads what all pages do at once.
  #readConfigSoon() { this.#readConfigIn(10 * seconds * Math.random()); }

  #readConfigIn(wait) {
    clearTimeout(this.#configTimer);
    if (!this.#stop.signal.aborted) this.#configTimer = setTimeout(() => this.#readConfig(), wait);
  }

  async #readConfig() {
    this.#readConfigIn(this.#config ? (4 + 2 * Math.random()) * minutes : 5 * seconds); // in any case
    if (document.hidden && this.#config) return;
    try {
      const answer = await this.#calls.call(`v1/config?${new URLSearchParams({ channel: this.channel })}`, {}, 10 * seconds);
      if (answer.status !== 200 || this.#stop.signal.aborted) return;
      const { now, ...config } = answer.body;
      this.#calls.clock.read(Date.parse(now), answer.asked, answer.answered);
      this.#configAt = Date.now();
      this.#readConfigIn((4 + 2 * Math.random()) * minutes);
      if (!this.#listener) this.#setChannel([config.paused, config.slowed].find(all => Object.hasOwn(all, this.channel))?.[this.channel] ?? { state: "open" });
      this.#set();
      const text = JSON.stringify(config);
      if (text === this.#configText) return;
      this.#configText = text;
      this.#config = Object.freeze(config);
      this.#tell("config", config);
    } catch {
      // It is read again before long.
    }
  }
}

// nameOfTab returns a name that the tab keeps. Where it may keep nothing, it has another one next time.
function nameOfTab() {
  const name = "tab-" + crypto.getRandomValues(new Uint8Array(12)).reduce((text, n) => text + n.toString(16).padStart(2, "0"), "");
  try {
    return sessionStorage["emostream:user"] ??= name;
  } catch {
    return name;
  }
}

// trouble is why nothing came of a request. unsent: the server has certainly not got it.
const trouble = (code, message, unsent) => Object.assign(new Error(message), { code, unsent });

// Calls asks the main server, with a token if there is one.
class Calls {
  clock = new Clock();
  #token;

  constructor(server, token) {
    this.server = new URL(server);
    if (!/^https?:$/.test(this.server.protocol)) throw new TypeError(`emostream: not the address of a server: ${this.server}`);
    if (!this.server.pathname.endsWith("/")) this.server.pathname += "/";
    this.#token = new Token(token);
  }

  get tokenEnds() { return this.#token.renewAt; }

  // call asks, and returns the answer. If a token is refused, it asks with another one, once.
  async call(path, init, limit, stop = new AbortController()) {
    for (let first = true; ; first = false) {
      if (this.#token.isOld) await this.#token.renew();
      const token = this.#token.value;
      const headers = token ? { ...init.headers, Authorization: `Bearer ${token}` } : init.headers;
      const timer = setTimeout(() => stop.abort(trouble("no_answer", `no answer within ${limit / seconds} s`)), limit);
      let answer;
      try {
        answer = await this.#ask(path, { ...init, headers, signal: stop.signal, cache: "no-store" });
      } finally {
        clearTimeout(timer);
      }
      if (answer.status !== 401 || !first || !await this.#token.another(token)) return answer;
    }
  }

  // The body of an answer may be that of a proxy.
  async #ask(path, init) {
    const asked = Date.now();
    const answer = await fetch(new URL(path, this.server), init);
    const answered = Date.now(), { status } = answer, after = Number(answer.headers.get("Retry-After"));
    const text = await answer.text();
    let body;
    try { body = JSON.parse(text); } catch {}
    return {
      status, body, asked, answered,
      code: body?.code, error: body?.error ?? `the server answered ${status}${body ? "" : " without JSON"}`, after: after > 0 ? Math.min(after * seconds, 60 * minutes) : 0,
    };
  }
}

// Token is asked of the page, and again before it runs out.
class Token {
  value;
  renewAt = Infinity;
  #get;
  #asking;

  constructor(token) {
    if (typeof token !== "function") this.value = token || undefined;
    else [this.#get, this.renewAt] = [token, 0];
  }

  get isOld() { return Date.now() >= this.renewAt; }

  // renew asks for a token, once for all who wait for it.
  renew() {
    return this.#asking ??= this.#renew().finally(() => { this.#asking = undefined; });
  }

  async #renew() {
    let timer;
    const limit = new Promise((_, fail) => { timer = setTimeout(fail, 30 * seconds, "no answer within 30 s"); });
    try {
      this.value = await Promise.race([this.#get(), limit]) || undefined;
    } catch (error) {
      throw trouble("no_token", `the page got no token: ${error?.message ?? error}`, true);
    } finally {
      clearTimeout(timer);
    }
    this.renewAt = Date.now() + (this.value ? 0.8 * lifeOf(this.value) : 10 * seconds);
  }

  // another says whether there is another token than one that was refused.
  async another(refused) {
    if (this.value === refused && this.#get) await this.renew();
    return this.value !== refused && this.value !== undefined;
  }
}

// lifeOf returns how long a new token is good, also where this machine's clock is wrong.
function lifeOf(token) {
  try {
    const { exp, iat } = JSON.parse(atob(token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/")));
    const life = Math.min(exp * seconds - Date.now(), iat ? (exp - iat) * seconds : Infinity);
    return Number.isNaN(life) ? Infinity : Math.max(life, 10 * seconds);
  } catch {
    return Infinity;
  }
}

// Clock estimates how much the server's clock is ahead: a time that the server tells lies between a request and its answer.
class Clock {
  #low = -Infinity;
  #high = Infinity;
  #at = 0;

  get ahead() { return this.#at && Math.round((this.#low + this.#high) / 2); }

  read(server, asked, answered) {
    const low = server - answered, high = server + 1 - asked;
    if (!(low <= high)) return;
    const drift = Math.abs(answered - this.#at) / 10_000; // by which clocks move apart at most
    this.#low = Math.max(this.#low - drift, low);
    this.#high = Math.min(this.#high + drift, high);
    if (this.#low > this.#high) [this.#low, this.#high] = [low, high]; // a clock was set
    this.#at = answered;
  }
}

const patience = 5 * seconds; // with a registration, and with a stream that is to open
const silence = 30 * seconds; // after which a server is gone: it sends a heartbeat every 15 s
const maxBackoff = 30 * seconds; // from one attempt to the next
const refusedBackoff = minutes; // after a refusal that does not pass by itself
const ticketLife = 11 * minutes; // of a stream: its ticket is good for 12 minutes at least
const maxWindows = 64; // that are remembered: as many as a server sends again

// Listener keeps a stream open.
class Listener {
  #calls;
  #channel;
  #on;
  #windows = new Map(); // by their ends
  #lastID = "";
  #avoid = ""; // the server that has failed
  #stream; // that has been opened
  #attempt; // to open another one: what stops it
  #retryTimer;
  #ticker;
  #failures = 0; // in a row
  #notBefore = 0; // an attempt
  #heardAt = 0;
  #moveAt = Infinity; // to a stream with another ticket
  #wasLive = false;

  constructor(calls, channel, on) {
    this.#calls = calls;
    this.#channel = channel;
    this.#on = on;
  }

  start() {
    // Timers are late in the background and after a machine's sleep, so that the clock tells what has passed.
    this.#ticker ??= setInterval(() => this.#check(), 2 * seconds);
    this.#leave();
    const wait = this.#notBefore - Date.now();
    if (wait > 0) this.#retryTimer = setTimeout(() => this.#open(), wait);
    else this.#open();
  }

  stop() {
    clearInterval(this.#ticker);
    this.#ticker = undefined;
    this.#leave();
  }

  // wake sees to a page that may have been away: from far away no stream comes back alive.
  wake(fromFarAway) {
    this.#check();
    if (fromFarAway) this.#failures = 0;
    if (fromFarAway || !this.#stream && !this.#attempt) this.start();
  }

  #check() {
    const now = Date.now();
    if (this.#stream && now - this.#heardAt >= silence) {
      this.#fail({ error: "the server has been silent for 30 s" });
    } else if (this.#stream && !this.#attempt && now >= this.#moveAt) {
      this.#moveAt = now + minutes; // unless it succeeds
      this.#open(true);
    }
  }

  #leave() {
    clearTimeout(this.#retryTimer);
    this.#attempt?.abort();
    this.#stream?.close();
    this.#attempt = this.#stream = undefined;
  }

  // open registers, and opens a stream. If it moves, the old one stays until then.
  async #open(moves) {
    if (!moves) {
      this.#leave();
      // A network that is said to be back may not carry anything yet: taps wait until the server has been heard.
      this.#on.connection(!navigator.onLine || this.#on.isOffline() ? "offline" : this.#wasLive || this.#failures ? "reconnecting" : "connecting");
    }
    const attempt = this.#attempt = new AbortController(), asking = new AbortController();
    attempt.signal.addEventListener("abort", () => asking.abort());
    const fails = why => {
      if (attempt.signal.aborted) return;
      attempt.abort();
      this.#attempt = undefined;
      if (!moves || !this.#stream) this.#fail(why);
    };
    const ask = new URLSearchParams({ channel: this.#channel, avoid: moves ? "" : this.#avoid, last_event_id: this.#lastID });
    let assigned, url;
    try {
      const answer = await this.#calls.call(`register?${ask}`, {}, patience, asking);
      if (!answer.body?.stream_url) return fails(answer);
      assigned = answer.body;
      url = new URL(assigned.stream_url);
    } catch (error) {
      return fails(await reason(this.#calls.server, error));
    }
    if (attempt.signal.aborted) return;
    url.searchParams.set("channel", this.#channel);
    url.searchParams.set("signals", "1");
    if (this.#lastID) url.searchParams.set("last_event_id", this.#lastID);
    this.#follow(url, assigned.server_name, attempt, fails);
  }

  // follow opens the stream at an address, and follows it.
  #follow(url, name, attempt, fails) {
    const stream = new EventSource(url);
    const failed = async (error, code) => {
      clearTimeout(timer);
      stream.close();
      if (attempt.signal.aborted) return;
      this.#avoid = name;
      fails(await reason(new URL("..", url), trouble(code, error)));
    };
    const timer = setTimeout(failed, patience, "the stream did not open within 5 s", "no_answer");
    attempt.signal.addEventListener("abort", () => {
      clearTimeout(timer);
      if (stream !== this.#stream) stream.close();
    });
    stream.onerror = () => stream === this.#stream ? this.#fail({ error: "the stream ended" }) : failed("the stream cannot be opened");
    stream.onopen = () => {
      this.#stream?.close();
      this.#stream = stream;
      attempt.abort();
      this.#attempt = undefined;
      this.#heardAt = Date.now();
      this.#avoid = name; // when this stream ends
      this.#moveAt = url.searchParams.has("ticket") ? Math.min(Date.now() + ticketLife, this.#calls.tokenEnds) : Infinity;
    };
    const on = (type, act) => stream.addEventListener(type, event => {
      if (stream !== this.#stream) return;
      this.#heardAt = Date.now();
      this.#failures = this.#notBefore = 0; // not yet when it opens: a busy server ends it then
      this.#wasLive = true;
      this.#on.connection("live");
      act?.(JSON.parse(event.data), event);
    });
    on("heartbeat");
    on("state", state => this.#on.channel(state));
    on("swarm", (swarm, event) => this.#show(swarm, event));
    on("farewell", ({ why, retry_ms: wait }) => {
      if (why === "expired") this.#avoid = "";
      this.#fail({ wait, error: `the server ended the stream: ${why}` });
    });
  }

  // fail leaves the stream, and tries again after a while.
  #fail({ status, code, error, after = 0, wait }) {
    this.#leave();
    const random = 0.5 + Math.random();
    const final = status >= 400 && status < 500 && ![408, 425, 429].includes(status) || code === "origin_not_invited";
    if (final) after = Math.max(after, refusedBackoff);
    wait ??= after ? after * (0.75 + random / 2) : Math.min(seconds * 2 ** this.#failures, maxBackoff) * random;
    this.#failures++;
    this.#notBefore = Date.now() + Math.max(after, seconds / 2);
    wait = Math.min(Math.max(wait, seconds / 2), 60 * minutes); // whatever a server says
    this.#retryTimer = setTimeout(() => this.#open(), wait);
    const connection = status === 401 ? "signed_out" : final ? "refused" : code === "full" ? "full" : navigator.onLine ? "reconnecting" : "offline";
    this.#on.connection(connection, { retryIn: Math.round(wait), code, error });
  }

  // show tells a window that is new, or that another count is known of.
  #show(swarm, { data, lastEventId }) {
    this.#lastID = lastEventId || this.#lastID;
    const end = swarm.window.end, known = this.#windows.get(end);
    if (known && (known.total > swarm.total || known.data === data)) return;
    this.#windows.set(end, { total: swarm.total, data });
    for (const oldest of this.#windows.keys()) {
      if (this.#windows.size <= maxWindows) break;
      this.#windows.delete(oldest);
    }
    const newest = [...this.#windows.keys()].every(other => other <= end);
    this.#on.swarm(Object.freeze({ ...swarm, newest, own: this.#on.own(swarm) }));
  }
}

// reason finds out what a browser does not tell: whether a server is gone, or does not invite this page.
async function reason(server, error) {
  const refused = { code: error.code, error: error.message };
  if (server.origin === location.origin || error.code) return refused;
  const asks = mode => fetch(new URL("healthz", server), { mode, cache: "no-store", signal: AbortSignal.timeout(patience) }).then(() => true, () => false);
  if (!await asks("no-cors") || await asks("cors") || !await asks("no-cors")) return refused;
  return {
    code: "origin_not_invited",
    error: `the server at ${server.origin} does not let pages of ${location.origin} in: let the operator invite them with --cors-origin ${location.origin}`,
  };
}

const batchInterval = 150; // from one request to the next
const answerLimit = 20 * seconds; // for a request
const resendLimit = 15 * seconds; // after a tap
const resendInterval = seconds;
const maxItems = 200; // of a request: a page that goes may send 64 KiB
const maxCount = 100; // of an item
const maxWaiting = 10_000; // taps
const maxEmoji = 128; // characters: more than any emoji or shortcode has
const maxOwn = 1024; // accepted items that are remembered

class Tap {
  result = "pending";
  #tell;

  constructor(emoji, count) {
    Object.assign(this, { emoji, count });
    this.done = new Promise(tell => { this.#tell = tell; });
  }

  end(result, more) {
    Object.assign(this, { result }, more);
    this.#tell(this);
  }
}

// TapQueue sends taps, those of one emoji as one item, in one request at a time.
class TapQueue {
  #calls;
  #who;
  #on;
  #waiting = []; // taps, with the times of their tapping
  #inFlight = 0; // requests
  #pending = 0;
  #own = [];
  #timer;
  #notBefore = 0; // a request
  #isClosed = false;

  constructor(calls, who, on) {
    this.#calls = calls;
    this.#who = who;
    this.#on = on;
  }

  get pending() { return this.#pending; }

  add(emoji, count) {
    const tap = new Tap(emoji, count);
    this.#pending += count > 0 ? count : 0;
    if (this.#isClosed) this.#refuse(tap, "crowd_closed", "the connection was closed");
    else if (!Number.isInteger(count) || count < 1 || count > maxCount) this.#refuse(tap, "invalid_count", `a count is a whole number from 1 to ${maxCount}`);
    else if (emoji.length > maxEmoji) this.#refuse(tap, "not_an_emoji", "this is longer than any emoji");
    else if (this.#pending > maxWaiting) this.#refuse(tap, "too_many_taps", `${maxWaiting} taps have no answer yet`);
    else this.#waiting.push({ tap, at: Date.now() });
    this.#on.changed();
    return tap;
  }

  close() {
    this.#isClosed = true;
    this.send();
  }

  #refuse(tap, code, error) {
    queueMicrotask(() => this.#end(tap, "refused", { code, error })); // who taps can listen first
  }

  #end(tap, result, more) {
    this.#pending -= tap.count > 0 ? tap.count : 0;
    tap.end(result, more);
    this.#on.changed();
    this.#on.ended(tap);
  }

  // send sends what waits, once it may. When the page goes, it sends that at once.
  send(goes) {
    clearTimeout(this.#timer);
    if (!this.#waiting.length || this.#inFlight && !goes) return;
    const now = Date.now(), isOffline = this.#on.isOffline();
    const wait = goes ? 0 : isOffline ? resendInterval : this.#notBefore - now;
    while (isOffline && this.#waiting[0]?.at < now - resendLimit) this.#end(this.#waiting.shift().tap, "refused", { code: "offline", error: "there is no network" });
    if (wait > 0) this.#timer = setTimeout(() => this.send(), wait);
    else this.#request(this.#items());
  }

  // items takes the next items from what waits.
  #items() {
    const { count = 1, items: most = maxItems, user, address } = this.#on.limits() ?? {};
    const atOnce = Math.min(count, maxCount, user?.at_once ?? count, address?.at_once ?? count);
    const items = [], open = new Map();
    let taken = 0;
    for (const one of this.#waiting) {
      let item = open.get(one.tap.emoji);
      if (!item || item.count + one.tap.count > atOnce) {
        if (items.length === Math.min(most, maxItems)) break;
        items.push(item = { emoji: one.tap.emoji, count: 0, taps: [] });
        open.set(item.emoji, item);
      }
      item.count += one.tap.count;
      item.taps.push(one);
      taken++;
    }
    this.#waiting.splice(0, taken);
    return items;
  }

  async #request(items) {
    this.#inFlight++;
    this.#notBefore = Date.now() + batchInterval;
    let answer;
    try {
      answer = await this.#calls.call("v1/reactions", {
        method: "POST", keepalive: true, headers: { "Content-Type": "application/json" },
        body: JSON.stringify(items.map(({ emoji, count }) => ({ ...this.#who, emoji_type: emoji, count }))),
      }, answerLimit);
    } catch (error) {
      answer = { status: error.unsent ? 429 : 500, code: error.code, error: error.message, after: 0 };
    }
    this.#inFlight--;
    if (answer.status === 401) this.#on.tokenRefused(answer.code, answer.error);
    const again = items.flatMap((item, i) => this.#answered(item, answer, answer.body?.results?.[i]));
    if (again.length) {
      this.#waiting.unshift(...again);
      this.#notBefore = Date.now() + Math.max(answer.after, resendInterval) * (1 + Math.random() / 4);
    }
    this.send();
  }

  // answered tells what an answer means for the taps of an item, and returns those to be sent again. result is what it says
  // of that item, if it does.
  #answered(item, answer, result) {
    const { code, error } = result ?? answer;
    const is = outcome(result ? 200 : answer.status, code);
    const acceptedAt = is === "accepted" && result ? Date.parse(result.accepted_at) : undefined;
    if (acceptedAt) {
      this.#calls.clock.read(acceptedAt, answer.asked, answer.answered);
      this.#own.push({ emoji: plain(item.emoji), count: item.count, at: acceptedAt });
      if (this.#own.length > maxOwn) this.#own.shift();
    }
    return item.taps.filter(({ tap, at }) => {
      if (is === "again" && Date.now() - at < resendLimit) return true;
      if (is === "accepted") this.#end(tap, is, { acceptedAt });
      else this.#end(tap, is === "in_doubt" ? is : "refused", { code, error });
      return false;
    });
  }

  // ownIn returns how many taps of each emoji of a window were accepted in it.
  ownIn({ window, emojis }) {
    const start = Date.parse(window.start), end = Date.parse(window.end), counts = new Map(), own = Object.create(null);
    for (const { emoji, count, at } of this.#own) if (at >= start && at < end) counts.set(emoji, (counts.get(emoji) ?? 0) + count);
    for (const { emoji_type: emoji } of emojis) if (counts.has(plain(emoji))) own[emoji] = counts.get(plain(emoji));
    return own;
  }
}

// plain returns an emoji without selectors, which not everybody writes.
const plain = emoji => emoji.replace(/[\uFE0E\uFE0F]/g, "");

// outcome returns what an answer means for a tap: "again" is for one that was certainly not written.
function outcome(status, code) {
  if (status === 429 || ["not_written", "overloaded", "rate_limited", "keys_unavailable"].includes(code)) return "again";
  if (code === "in_doubt") return "in_doubt";
  if (status === 200 && !code) return "accepted";
  if (code !== "not_ready" && (status >= 500 || status === 303 || status < 300 && !code)) return "in_doubt";
  return "refused";
}
