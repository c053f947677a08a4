import { World, is } from "./module_world.js";
import { connect } from "/emostream.js";

// begin connects in a new world, and tells what happens.
let before;
function begin(options = {}, prepare) {
  before?.close();
  const world = new World();
  prepare?.(world);
  const crowd = connect({ server: "http://main.example", user: "ann", ...options });
  world.told = [];
  crowd.addEventListener("swarm", ({ detail }) => world.told.push(`${(Date.parse(detail.window.end) - Date.UTC(2026, 0, 1)) / 2000} ${detail.total}`));
  for (const type of ["accepted", "refused"]) crowd.addEventListener(type, ({ detail }) => world.told.push(`${type} ${detail.emoji} ${detail.count}${detail.code ? " " + detail.code : ""}`));
  before = world.crowd = crowd;
  return world;
}

// live connects, and has a stream.
async function live(options, prepare) {
  const world = begin(options, prepare);
  await world.settle();
  world.stream.live();
  is(world.crowd.state.connection, "live", "the connection");
  return world;
}

const taken = items => [200, { accepted: items.length, rejected: 0, results: items.map(() => ({ accepted_at: new Date(Date.now()).toISOString() })) }];
const connectionOf = ({ crowd: { state } }) => [state.connection, state.retryIn, state.code];

export const cases = {
  async "registers, and opens the stream with what it needs"() {
    const world = begin({ channel: "stage-1" }, world => { world.answers = ({ path }) => path === "/register" ? world.registered("sub2", "ticket=t") : [404, {}]; });
    is(world.requests.length, 0, "what was asked at once");
    is(world.crowd.state.connection, "connecting");
    await world.settle();
    is(Object.fromEntries(world.of("/register")[0].query), { channel: "stage-1", avoid: "", last_event_id: "" });
    is(world.stream.url.href, "http://sub2.example/v1/swarm?ticket=t&channel=stage-1&signals=1");
    world.stream.open();
    is(world.crowd.state.connection, "connecting"); // until it says something
    world.stream.send("heartbeat");
    is(world.crowd.state.connection, "live");
  },

  async "React's strict mode leaves nothing behind"() {
    const world = begin();
    world.crowd.close();
    is(world.crowd.state.connection, "closed");
    const again = connect({ server: "http://main.example" });
    await world.settle();
    is([world.of("/register").length, world.streams.length], [1, 1]);
    again.close();
    await world.pass(10 * 60_000);
    is([world.requests.length, world.streams.length, world.open, world.timers.size], [2, 1, 0, 0]);
    window.dispatchEvent(new Event("online"));
    await world.pass(60_000);
    is(world.requests.length, 2);
  },

  async "a close while it registers"() {
    const world = begin({}, world => { world.answers = () => undefined; });
    await world.settle();
    world.crowd.close();
    await world.settle();
    is(world.of("/register")[0].isAborted, true);
    for (const request of world.requests) request.answer(...world.registered());
    await world.pass(60_000);
    is([world.streams.length, world.timers.size], [0, 0]);
  },

  async "a stream that breaks: another server, and no gap"() {
    const world = await live();
    world.stream.window(1, 10);
    world.stream.window(2, 20);
    world.stream.break();
    is(connectionOf(world), ["reconnecting", 1000, undefined]);
    is(world.stream.isClosed, true);
    await world.pass(999);
    is(world.of("/register").length, 1);
    await world.pass(1);
    const { avoid, last_event_id: id } = Object.fromEntries(world.of("/register")[1].query);
    is([avoid, id], ["sub1", String(Date.UTC(2026, 0, 1) + 4000)]);
    is(world.stream.url.searchParams.get("last_event_id"), id);
    world.stream.live();
    world.stream.window(3, 30);
    is(world.told, ["1 10", "2 20", "3 30"]);
    is(connectionOf(world), ["live", undefined, undefined]);
  },

  async "of a window the greatest total, and of equal ones the later"() {
    const world = await live();
    world.stream.window(1, 10);
    world.stream.window(1, 12);
    world.stream.window(2, 5);
    world.stream.window(1, 11); // older than what is known
    world.stream.window(2, 5); // the same again, as after a resumption
    const newest = [];
    world.crowd.addEventListener("swarm", ({ detail }) => newest.push(detail.newest));
    world.stream.window(2, 5, { emojis: [] }); // an emoji is hidden
    world.stream.window(1, 13);
    world.stream.window(3, 1);
    is(world.told, ["1 10", "1 12", "2 5", "2 5", "1 13", "3 1"]);
    is(newest, [true, false, true]);
  },

  async "a server that is silent"() {
    const world = await live();
    await world.pass(25_000);
    world.stream.send("heartbeat");
    await world.pass(29_000);
    is(connectionOf(world)[0], "live");
    await world.pass(6_000);
    is([connectionOf(world)[0], world.of("/register").at(-1).query.get("avoid"), world.streams.length], ["reconnecting", "sub1", 2]);
  },

  async "a stream that does not open, and one that opens and says nothing"() {
    const world = begin();
    await world.settle();
    await world.pass(4_999);
    is(world.open, 1);
    await world.pass(1);
    is([world.open, ...connectionOf(world)], [0, "reconnecting", 1000, "no_answer"]);
    await world.pass(1000);
    is(world.of("/register")[1].query.get("avoid"), "sub1");
    world.stream.open();
    world.stream.break(); // too many come at once
    is(connectionOf(world)[1], 2000);
  },

  async "a longer wait after each failure, up to half a minute, and none after it was live"() {
    const world = begin({}, world => { world.answers = ({ host }) => host === "main.example" ? "fail" : undefined; });
    const waits = [];
    world.crowd.addEventListener("state", ({ detail }) => detail.retryIn && waits.push(detail.retryIn));
    await world.pass(3 * 60_000);
    is(waits, [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000, 30_000, 30_000]);
    world.answers = () => world.registered();
    await world.pass(40_000);
    world.stream.live();
    world.stream.break();
    is(connectionOf(world)[1], 1000);
  },

  async "full, and what the server asks for"() {
    const world = begin({}, world => { world.answers = () => [503, { code: "full", error: "no place" }, { "Retry-After": "5" }]; });
    await world.settle();
    is([...connectionOf(world), world.crowd.state.error], ["full", 6250, "full", "no place"]);
    world.event(document, "visibilitychange");
    await world.pass(4_999);
    is(world.of("/register").length, 1);
    await world.pass(1);
    is(world.of("/register").length, 2);
  },

  async "refused: it says why, and asks again after a minute"() {
    const world = begin({}, world => { world.answers = () => [403, { code: "banned", error: "ann is banned" }]; });
    await world.settle();
    is([...connectionOf(world), world.crowd.state.error], ["refused", 75_000, "banned", "ann is banned"]);
    world.answers = () => world.registered();
    await world.pass(75_000);
    world.stream.live();
    is(connectionOf(world), ["live", undefined, undefined]);
  },

  async "another program at the server's address"() {
    const world = begin({}, world => { globalThis.fetch = async () => new Response("<!doctype html>"); });
    await world.settle();
    is([...connectionOf(world), world.crowd.state.error], ["reconnecting", 1000, undefined, "the server answered 200 without JSON"]);
  },

  async "a page that is not invited is told so"() {
    const world = begin({}, world => { world.answers = ({ path, mode }) => path === "/healthz" && mode === "no-cors" ? [200, {}] : "fail"; });
    await world.settle();
    is(connectionOf(world), ["refused", 75_000, "origin_not_invited"]);
    is(world.crowd.state.error.includes(`--cors-origin ${location.origin}`), true, world.crowd.state.error);
  },

  async "a farewell says when to come back"() {
    const world = await live();
    world.stream.send("farewell", { why: "stopping", retry_ms: 3210 });
    is([world.open, ...connectionOf(world)], [0, "reconnecting", 3210, undefined]);
    await world.pass(3210);
    is(world.of("/register")[1].query.get("avoid"), "sub1");
    world.stream.live();
    world.stream.send("farewell", { why: "expired", retry_ms: 2000 });
    await world.pass(2000);
    is(world.of("/register")[2].query.get("avoid"), "");
  },

  async "a server that tells no time to come back, or an absurd one"() {
    for (const [told, want] of [[0, 500], [-1, 500], [1e12, 3_600_000]]) {
      const world = await live();
      world.stream.send("farewell", { why: "stopping", retry_ms: told });
      is(connectionOf(world), ["reconnecting", want, undefined], `${told}`);
    }
  },

  async "a stream at what is no address"() {
    for (const stream_url of ["nowhere", "http://", 7]) {
      const world = begin({}, world => { world.answers = ({ path }) => path === "/register" ? [200, { server_name: "sub1", stream_url }] : [200, {}]; });
      await world.settle();
      is(connectionOf(world), ["reconnecting", 1000, undefined], `${stream_url}`);
      await world.pass(1000);
      is(world.of("/register").length, 2, "how often it registered");
    }
  },

  async "before its ticket runs out it moves to another stream, without a gap"() {
    const world = await live({}, world => { world.answers = ({ path }) => path === "/register" ? world.registered("sub1", "ticket=t") : [404, {}]; });
    const states = [];
    world.crowd.addEventListener("state", ({ detail }) => states.push(detail.connection));
    const first = world.stream;
    const pass = async seconds => { for (let s = 0; s < seconds; s += 15) { await world.pass(15_000); for (const stream of world.streams) stream.send("heartbeat"); } };
    await pass(11 * 60 - 15);
    is(world.streams.length, 1);
    await world.pass(16_000);
    is([world.streams.length, world.open], [2, 2]);
    first.window(1, 10); // while the other one opens
    world.stream.open();
    is([first.isClosed, world.open], [true, 1]);
    world.stream.send("heartbeat");
    world.stream.window(1, 10);
    world.stream.window(2, 20);
    is([world.told, states], [["1 10", "2 20"], []]);
    world.answers = () => [503, { code: "overloaded" }]; // the stream stays while the main server is away
    await pass(11 * 60 + 30);
    is([states, world.open], [[], 1]);
    world.answers = () => world.registered("sub2", "ticket=u");
    await pass(60);
    is(world.streams.length, 3);
  },

  async "a machine that slept comes back within seconds"() {
    const world = await live();
    world.stream.window(1, 10);
    world.sleep(3_600_000);
    await world.pass(6_000);
    is([world.of("/register").length, world.stream.url.searchParams.get("last_event_id")], [2, String(Date.UTC(2026, 0, 1) + 2000)]);
  },

  async "a page that comes to the front looks at once whether its stream is alive"() {
    const world = await live();
    world.hidden = true;
    world.event(document, "visibilitychange");
    world.sleep(3_600_000);
    world.hidden = false;
    world.event(document, "visibilitychange");
    await world.settle();
    is([world.streams[0].isClosed, connectionOf(world)[0]], [true, "reconnecting"]);
    await world.pass(500);
    is(world.of("/register").length, 2);
  },

  async "the cache of a browser for pages that were left"() {
    const world = await live();
    world.event(window, "pagehide", { persisted: true });
    is([world.open, world.crowd.state.connection], [0, "live"]);
    await world.pass(60_000);
    is(world.of("/register").length, 1);
    world.event(window, "pageshow", { persisted: true });
    await world.pass(1);
    is([world.of("/register").length, world.open], [2, 1]);
  },

  async "offline at once, and back at once"() {
    const world = await live();
    world.online = false;
    world.event(window, "offline");
    is(connectionOf(world), ["offline", undefined, undefined]);
    world.stream.send("heartbeat"); // of a server on the same machine
    is(connectionOf(world), ["live", undefined, undefined]);
    world.event(window, "offline");
    world.stream.break();
    world.answers = () => "fail";
    await world.pass(60_000);
    is(connectionOf(world)[0], "offline");
    world.answers = () => undefined; // while it tries
    for (const { length } = world.of("/register"); world.of("/register").length === length;) await world.pass(1_000);
    is(connectionOf(world)[0], "offline");
    const tap = world.crowd.tap("🔥");
    await world.pass(10_000);
    is([tap.result, world.of("/v1/reactions").length], ["pending", 0]);
    world.online = true;
    world.answers = ({ path, body }) => path === "/v1/reactions" ? taken(body) : world.registered();
    world.event(window, "online");
    await world.pass(1_000);
    is([connectionOf(world)[0], tap.result, world.of("/v1/reactions").length], ["offline", "pending", 0]); // the server is not heard yet
    world.stream.live();
    await world.pass(2_000);
    is([connectionOf(world)[0], tap.result], ["live", "accepted"]);
  },

  async "a tap that waited too long for a network is refused, and was not sent"() {
    const world = await live();
    world.online = false;
    world.event(window, "offline");
    const tap = world.crowd.tap("🔥");
    await world.pass(17_000);
    is([tap.result, tap.code, world.of("/v1/reactions").length, world.crowd.state.pending], ["refused", "offline", 0, 0]);
  },

  async "a token that is a string"() {
    const world = begin({ token: "abc", user: undefined }, world => { world.answers = () => [401, { code: "token_expired", error: "it ran out" }]; });
    await world.settle();
    is([world.of("/register")[0].token, world.of("/register").length, ...connectionOf(world)], ["abc", 1, "signed_out", 75_000, "token_expired"]);
    world.crowd.tap("🔥");
    await world.settle();
    is(world.of("/v1/reactions")[0].body, [{ channel: "main", emoji_type: "🔥", count: 1 }]); // of the token's user
    is(world.told, ["refused 🔥 1 token_expired"]);
  },

  async "a token that is refused is asked for again, once"() {
    let n = 0;
    const world = await live({ token: async () => `token${++n}` }, world => {
      world.answers = ({ path, token, body }) => path === "/v1/config" ? [404, {}] : token === "token1" ? [401, { code: "token_expired" }] : path === "/register" ? world.registered() : taken(body);
    });
    is([n, world.of("/register").map(r => r.token)], [2, ["token1", "token2"]]);
    world.answers = ({ path }) => path === "/v1/reactions" ? [401, { code: "token_invalid", error: "no" }] : [404, {}];
    const tap = world.crowd.tap("🔥");
    await world.settle();
    is([n, tap.result, tap.code, world.of("/v1/reactions").length, world.crowd.state.connection], [3, "refused", "token_invalid", 2, "live"]);
  },

  async "a token is asked for before it runs out, and once for all who want it"() {
    const begun = Date.UTC(2026, 0, 1) / 1000;
    let n = 0;
    const world = await live({
      token: () => { n++; return "e30." + btoa(JSON.stringify({ iat: Date.now() / 1000 - 7200, exp: Date.now() / 1000 - 3600 })).replace(/=/g, "") + ".x"; }, // this machine's clock is two hours ahead
    }, world => { world.answers = ({ path, body }) => path === "/v1/config" ? [404, {}] : path === "/register" ? world.registered() : taken(body); });
    is(n, 1);
    const tap = async () => { world.crowd.tap("🔥"); await world.settle(); };
    await tap();
    is(n, 1);
    await world.pass(9_000);
    await tap();
    is(n, 2); // 10 s at least, whatever the clock says
    is(begun > 0, true);
  },

  async "a page that gets no token: nothing was sent, and it tries again"() {
    let fails = true;
    const world = begin({ token: async () => { if (fails) throw new Error("log in"); return "t"; } }, world => {
      world.answers = ({ path, body }) => path === "/v1/reactions" ? taken(body) : path === "/register" ? world.registered() : [404, {}];
    });
    const tap = world.crowd.tap("🔥");
    await world.pass(1);
    is([connectionOf(world), world.crowd.state.error, tap.result, world.requests.length], [["reconnecting", 1000, "no_token"], "the page got no token: log in", "pending", 0]);
    fails = false;
    await world.pass(3_000);
    is([tap.result, world.streams.length], ["accepted", 1]);
  },

  async "taps: the first at once, the next ones together, one request at a time"() {
    const world = await live();
    for (const emoji of ["🔥", "👍", "🔥", "🔥"]) world.crowd.tap(emoji);
    await world.settle();
    const [first] = world.of("/v1/reactions");
    is([first.method, first.keepalive, first.body], ["POST", true, [{ user_id: "ann", channel: "main", emoji_type: "🔥", count: 1 }].map(({ channel, user_id, ...rest }) => ({ channel, user_id, ...rest }))]);
    await world.pass(5_000);
    is(world.of("/v1/reactions").length, 1);
    is(world.crowd.state.pending, 4);
    first.answer(...taken(first.body));
    await world.settle();
    const second = world.of("/v1/reactions")[1];
    is(second.body.map(({ emoji_type: emoji, count }) => [emoji, count]), [["👍", 1], ["🔥", 1], ["🔥", 1]]); // the limits are not known
    second.answer(...taken(second.body));
    await world.settle();
    is([world.told, world.crowd.state.pending], [["accepted 🔥 1", "accepted 👍 1", "accepted 🔥 1", "accepted 🔥 1"], 0]);
  },

  async "taps: no more of an item and of a request than the server takes"() {
    const config = { palette: ["🔥"], paused: {}, slowed: {}, limits: { count: 100, items: 3, user: { per_second: 1, at_once: 5 } }, now: "2026-01-01T00:00:00.000Z" };
    const world = await live({}, world => { world.answers = ({ path }) => path === "/register" ? world.registered() : path === "/v1/config" ? [200, config] : undefined; });
    await world.settle();
    is([world.crowd.config.palette, world.crowd.config.now], [["🔥"], undefined]);
    for (let i = 0; i < 7; i++) world.crowd.tap("🔥");
    for (const emoji of ["a", "b", "c"]) world.crowd.tap(emoji);
    let all = [];
    for (let i = 0; i < 4; i++) {
      await world.pass(1_000);
      const request = world.of("/v1/reactions")[i];
      if (!request) break;
      all.push(request.body.map(item => item.emoji_type + item.count).join());
      request.answer(...taken(request.body));
    }
    is(all, ["🔥1", "🔥5,🔥1,a1", "b1,c1"]);
  },

  async "taps: each result means what it means"() {
    const world = await live();
    world.crowd.tap("x");
    const emojis = "abcdef".split("");
    for (const emoji of emojis) world.crowd.tap(emoji);
    await world.settle();
    world.of("/v1/reactions")[0].answer(200, { results: [{ error: "no", code: "hidden_emoji" }] });
    await world.pass(200);
    world.of("/v1/reactions")[1].answer(200, { results: ["", "not_written", "in_doubt", "paused", "rate_limited", "overloaded"].map(code => code ? { code } : { accepted_at: "2026-01-01T00:00:01.000Z" }) }, { "Retry-After": "3" });
    await world.settle();
    is([world.told, world.crowd.state.pending], [["refused x 1 hidden_emoji", "accepted a 1", "refused c 1 in_doubt", "refused d 1 paused"], 3]);
    await world.pass(2_900);
    is(world.of("/v1/reactions").length, 2);
    await world.pass(1_000);
    is(world.of("/v1/reactions")[2].body.map(item => item.emoji_type), ["b", "e", "f"]);
  },

  async "taps: 429 and 503 are sent again until it is too late, and no answer never"() {
    for (const [status, code] of [[429, undefined], [503, "not_written"], [503, "keys_unavailable"]]) {
      const world = await live({}, world => { world.answers = ({ path }) => path === "/register" ? world.registered() : path === "/v1/config" ? [404, {}] : [status, { code }]; });
      const tap = world.crowd.tap("🔥");
      await world.pass(14_000);
      is([tap.result, world.of("/v1/reactions").length > 10], ["pending", true]);
      await world.pass(3_000);
      is([tap.result, tap.code], ["refused", code]);
      world.crowd.close();
    }
    for (const [answer, code] of [["fail", undefined], [[503, { code: "in_doubt" }], "in_doubt"], [[504, "bad gateway"], undefined]]) {
      const world = await live({}, world => { world.answers = ({ path }) => path === "/register" ? world.registered() : path === "/v1/config" ? [404, {}] : answer; });
      const tap = world.crowd.tap("🔥");
      await world.pass(60_000);
      is([tap.result, tap.code, world.of("/v1/reactions").length], ["in_doubt", code, 1]);
      world.crowd.close();
    }
    const world = await live(); // an answer that never comes
    const tap = world.crowd.tap("🔥");
    await world.pass(19_999);
    is(tap.result, "pending");
    await world.pass(1);
    is([tap.result, tap.code], ["in_doubt", "no_answer"]);
  },

  async "taps: what waits when the page goes is sent at once, below 64 KiB"() {
    const world = await live({ user: "u".repeat(128) });
    world.crowd.tap("🔥");
    for (let i = 0; i < 500; i++) world.crowd.tap("😀".repeat(4) + i);
    await world.settle();
    is(world.of("/v1/reactions").length, 1);
    world.event(window, "pagehide");
    is(world.of("/v1/reactions").map(({ keepalive, body }) => [keepalive, body.length]), [[true, 1], [true, 200]]);
    is(world.of("/v1/reactions").reduce((n, { size }) => n + size, 0) < 64 * 1024, true, "the sum of the bodies");
  },

  async "taps: a closed connection sends what waits, and takes no more"() {
    const world = await live({}, world => { world.answers = ({ path, body }) => path === "/register" ? world.registered() : path === "/v1/config" ? [404, {}] : taken(body); });
    const one = world.crowd.tap("🔥"), other = world.crowd.tap("👍");
    world.crowd.close();
    const late = world.crowd.tap("🔥");
    await world.pass(1_000);
    is([one.result, other.result, late.result, late.code], ["accepted", "accepted", "refused", "crowd_closed"]);
    is(await late.done === late, true);
    is(world.timers.size, 0);
  },

  async "taps: what cannot be right is refused by the page itself"() {
    const world = await live();
    for (const count of [0, -1, 101, 1.5, NaN, "x", null]) world.crowd.tap("🔥", count);
    world.crowd.tap("🔥".repeat(100));
    await world.settle();
    is([world.told.length, world.told.every(text => /invalid_count|not_an_emoji/.test(text)), world.crowd.state.pending, world.of("/v1/reactions").length], [8, true, 0, 0]);
    for (let i = 0; i < 101; i++) world.crowd.tap("🔥", 100);
    await world.settle();
    is([world.told.length, world.crowd.state.pending], [9, 10_000]);
  },

  async "one's own taps by window, by the server's clock"() {
    const world = await live({}, world => {
      world.answers = ({ path }) => path === "/register" ? world.registered() : path === "/v1/config" ? [404, {}] : [200, { results: [{ accepted_at: new Date(world.now + 3_600_500).toISOString() }] }];
    });
    let swarm;
    world.crowd.addEventListener("swarm", ({ detail }) => { swarm = detail; });
    world.crowd.tap("❤", 3);
    await world.settle();
    is(world.crowd.state.clockAhead, 3_600_501);
    const hour = 1800; // windows
    const emojis = ["❤️", "🔥"].map(emoji => ({ emoji_type: emoji, emoji_count: 5, emoji_count_aggregated: 1 }));
    world.stream.window(hour, 10, { emojis });
    is(swarm.own, {});
    world.stream.window(hour + 1, 10, { emojis });
    is(swarm.own, { "❤️": 3 });
    world.stream.window(hour + 2, 10, { emojis: ["constructor", "__proto__"].map(emoji => ({ emoji_type: emoji, emoji_count: 5, emoji_count_aggregated: 1 })) });
    is([swarm.own, swarm.own.constructor, swarm.own.__proto__], [{}, undefined, undefined]);
  },

  async "the state of the channel"() {
    const world = await live();
    world.stream.send("state", { state: "slowed", per_user: "1/s", until: "2026-01-01T01:00:00.000Z", reason: "<b>" });
    is(world.crowd.state.channel, { state: "slowed", until: Date.UTC(2026, 0, 1, 1), reason: "<b>", perUser: "1/s" });
    const asked = world.of("/v1/config").length;
    await world.pass(10_000);
    is(world.of("/v1/config").length > asked, true);
    world.stream.send("state", { state: "open" });
    is(world.crowd.state.channel, { state: "open" });
  },

  async "who only taps"() {
    const config = { palette: [], paused: { main: { state: "paused", reason: "a break" } }, slowed: {}, limits: { count: 100, items: 10_000 } };
    const world = begin({ listen: false }, world => { world.answers = ({ path, body }) => path === "/v1/config" ? [200, config] : taken(body); });
    await world.settle();
    is([world.crowd.state.connection, world.crowd.state.channel, world.streams.length, world.of("/register").length], ["live", { state: "paused", reason: "a break" }, 0, 0]);
    await world.crowd.tap("🔥").done;
    is(world.told, ["accepted 🔥 1"]);
    for (const channel of ["constructor", "__proto__"]) { // what every object has is no channel that is paused
      const world = begin({ listen: false, channel }, world => { world.answers = () => [200, config]; });
      await world.settle();
      is([world.crowd.config !== null, world.crowd.state.channel], [true, { state: "open" }], channel);
    }
  },

  async "servers that are no address"() {
    new World();
    for (const server of ["ftp://x", "javascript:1", "file:///x"]) {
      let error;
      try { connect({ server }); } catch (e) { error = e; }
      is(error instanceof TypeError, true, server);
    }
    const world = begin({ server: "http://main.example/some/where" });
    await world.settle();
    is(world.requests.map(r => r.path).sort(), ["/some/where/register", "/some/where/v1/config"]);
  },
};
