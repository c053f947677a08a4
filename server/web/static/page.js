// The page people tap on. It uses the module as any other site could: see emostream.d.ts.
import {connect} from "./emostream.js";
import {FloatingCrowd} from "./floating.js";
import {Palette} from "./page-palette.js";
import {Say} from "./page-say.js";
import {number, Score} from "./page-score.js";

const element = id => document.getElementById(id);
const toastStays = 6000, mostToasts = 2;

// What the page keeps, where the browser lets it.
const keep = (store, key, value) => {
  try {
    if (value === null) store().removeItem(key);
    else if (value !== undefined) store().setItem(key, value);
    return store().getItem(key);
  } catch { return value ?? null; }
};
const forTab = (key, value) => keep(() => sessionStorage, `emostream.${key}`, value);
const forLater = (key, value) => keep(() => localStorage, `emostream.${key}`, value);

let token = forTab("token"), named = null, crowd = null, ended = false, panel = null, retryAt = 0, lastKey = -Infinity;
const mine = {accepted: 0, refused: 0, in_doubt: 0};
const score = new Score();
const floating = new FloatingCrowd(element("crowd"), {size: crowdSize(), most: 500, own: ownColour()});
const palette = new Palette(tap);
const say = new Say(emoji => palette.name(emoji));

// Reads the token and the channel from the address. A token is taken out of it at once.
function readAddress() {
  const fragment = new URLSearchParams(location.hash.slice(1));
  const given = fragment.get("token");
  named = fragment.get("channel") || new URLSearchParams(location.search).get("channel");
  if (given !== null) {
    fragment.delete("token");
    const rest = new URL(location); // whole: as a path alone // would be another host
    rest.hash = fragment;
    history.replaceState(history.state, "", rest);
    token = forTab("token", given || null);
    named ||= forTab("channel"); // the login page may not know which channel people came from
  }
  if (named) forTab("channel", named);
}

// What a token says; the servers alone decide what it is worth.
function claims() {
  try { return JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/")), c => c.charCodeAt(0)))); } catch { return {}; }
}

function start(channel = named || undefined) {
  crowd?.close();
  ended = false;
  score.clear();
  say.clear();
  floating.clear();
  const own = crowd = connect({channel, token: token ? () => token : undefined});
  const on = (type, then) => own.addEventListener(type, event => { if (own === crowd) then(event.detail); });
  on("swarm", swarm => {
    if (score.swarm(swarm) && Date.parse(swarm.window.end) > Date.now() + own.state.clockAhead - 15_000) floating.swarm(swarm);
    say.swarm(swarm);
  });
  on("state", showState);
  on("config", showConfig);
  on("refused", refused => {
    if (/^token_/.test(refused.code) && token && !ended) {
      ended = true;
      showState(own.state);
      signIn();
    }
    showRefused(refused);
  });
  element("channel").textContent = own.channel;
  document.title = own.channel === "main" ? "Emostream" : `${own.channel} · Emostream`;
  element("overlay-link").href = `overlay/setup#${new URLSearchParams({channel: own.channel})}`;
  element("sign-out").hidden = !token;
  showState(own.state);
  showPanel(own);
}

// What managers see is asked for with their scope alone, and goes when they sign out.
async function showPanel(own) {
  panel?.end();
  panel = null;
  const scope = claims().scope;
  if (typeof scope !== "string" || !/(^| )emostream:manage( |$)/.test(scope)) return;
  const {Panel} = await import("./manage.js");
  if (own === crowd) panel = new Panel(own, element("manage"), () => token);
}

// ---- Taps ----

function tap(emoji, button) {
  if (document.body.classList.contains("shut")) { showRefused({emoji, code: "shut", error: element("notice-title").textContent}); return false; }
  const box = button.getBoundingClientRect(), from = {x: (box.left + box.width / 2) / innerWidth, y: box.top / innerHeight};
  const sent = crowd.tap(emoji), id = floating.tap(emoji, from);
  if (settings.vibrate.checked && navigator.userActivation?.hasBeenActive) navigator.vibrate?.(8);
  palette.follow(sent);
  showMine();
  sent.done.then(() => {
    floating.settle(id, sent.result);
    mine[sent.result] += sent.count;
    showMine();
  });
  return true;
}

function showMine() {
  const {pending} = crowd.state, set = (id, n, text) => { element(`mine-${id}`).textContent = n > 0 ? `${number(n)} ${text}` : ""; };
  set("accepted", mine.accepted, "counted");
  set("pending", pending, "on the way");
  set("refused", mine.refused, "refused");
  set("in_doubt", mine.in_doubt, "perhaps counted");
  element("mine").hidden = mine.accepted + mine.refused + mine.in_doubt + pending === 0;
}

// Says why a tap was not counted; the same reason only once at a time.
function showRefused({emoji, code, error, result}) {
  const text = result === "in_doubt" ? "No answer came: it may be counted, or not." : error || "Not counted.";
  const toasts = element("toast"), old = [...toasts.children].find(p => p.dataset.why === `${code}${text}`);
  const p = old ?? document.createElement("p");
  clearTimeout(p.timer);
  p.timer = setTimeout(() => p.remove(), toastStays);
  if (old) return;
  p.dataset.why = `${code}${text}`;
  const face = document.createElement("span"), reason = document.createElement("bdi");
  face.className = "emoji";
  face.textContent = emoji;
  reason.textContent = text;
  p.append(face, reason);
  toasts.append(p);
  while (toasts.children.length > mostToasts) toasts.firstElementChild.remove();
}

// ---- State ----

const waits = new Set(["reconnecting", "full"]);
const words = {
  connecting: "Connecting", live: "Live", reconnecting: "Reconnecting", full: "Full", offline: "Offline",
  signed_out: "Signed out", refused: "Not connected", closed: "Closed",
};

function showState(state) {
  retryAt = waits.has(state.connection) && state.retryIn > 0 ? Date.now() + state.retryIn : 0;
  element("connection").dataset.state = state.connection === "live" && state.channel.state !== "open" ? state.channel.state : state.connection;
  score.ahead = state.clockAhead || 0;
  document.body.dataset.connection = state.connection;
  palette.atMost = perSecond(state.channel.perUser) ?? crowd.config?.limits.user?.per_second ?? Infinity;
  palette.shut = ["paused", "closed"].includes(state.channel.state) || signedOut();
  showMine();
  showPill();
  showNotice(state);
  if (state.connection === "signed_out") signIn();
}

// How many a second a rate such as "5", "1/s", "30/m" or "1/s:5" is.
function perSecond(rate) {
  const [, count, unit = "s"] = /^([\d.]+)(?:\/([smh]))?/.exec(rate ?? "") ?? [];
  return count && Number(count) / {s: 1, m: 60, h: 3600}[unit];
}

function inWords(rate) {
  for (const [seconds, unit] of [[1, "a second"], [60, "a minute"]]) if (rate * seconds >= 0.999) return `${number(rate * seconds)} ${unit}`;
  return `${number(rate * 3600)} an hour`;
}

// Whether the servers want a token for taps that the page has not, or that holds no more.
const signedOut = () => !!crowd.config?.token_needed.send && (!token || ended || crowd.state.connection === "signed_out");

function showPill() {
  const {connection, channel} = crowd.state;
  let text = words[connection];
  if (connection === "live" && channel.state !== "open") text = {paused: "Paused", closed: "Closed", slowed: "Slow mode"}[channel.state];
  if (retryAt) text = `${connection === "full" ? "Full, retry" : "Retry"} in ${Math.max(1, Math.ceil((retryAt - Date.now()) / 1000))} s`;
  if (element("connection-text").textContent !== text) element("connection-text").textContent = text;
}

// A state that people should know about stands above the reactions until it is over.
function showNotice(state) {
  const [title, text] = notice(state), login = crowd.config?.login_url;
  setText("notice-title", title);
  setText("notice-text", text);
  element("notice").hidden = !title;
  element("sign-in").hidden = !login || state.connection !== "signed_out" && !signedOut();
  if (login) element("sign-in").href = login;
  say.state(title ? `${title} ${text}`.trim() : words[state.connection]);
}

function notice({connection, channel, error, code}) {
  const until = channel.until ? ` until ${time(channel.until)}` : "", reason = channel.reason ?? "";
  if (connection === "signed_out") return ["Sign in to join.", token ? "Your session has ended." : ""];
  if (connection === "refused") return ["Not connected.", error || code || ""];
  if (connection === "offline") return ["You are offline.", "It goes on when the network is back."];
  if (channel.state === "paused") return [`Reactions are paused${until}.`, reason];
  if (channel.state === "closed") return [`This channel is closed${until}.`, reason];
  if (connection === "full") return ["The room is full.", "There is no place to watch now; the page tries again by itself. You can tap all the same."];
  if (signedOut()) return ["Sign in to react.", ended ? "Your session has ended." : "You can watch without it."];
  if (channel.state === "slowed") return [`Slow mode${until}: ${inWords(perSecond(channel.perUser) ?? 1)} from each.`, reason];
  return ["", ""];
}

const clock = new Intl.DateTimeFormat(undefined, {hour: "numeric", minute: "2-digit"});
const dayAndClock = new Intl.DateTimeFormat(undefined, {weekday: "short", hour: "numeric", minute: "2-digit"});
const time = at => (Math.abs(at - Date.now()) < 12 * 3600_000 ? clock : dayAndClock).format(at);

function setText(id, text) { if (element(id).textContent !== text) element(id).textContent = text; }

// Goes to the page where people get a token. If they have just come from there they are asked first, so that two pages
// that send people to each other do not go on for ever.
function signIn() {
  const login = crowd.config?.login_url;
  if (!login || Date.now() - Number(forTab("signing-in") ?? 0) < 60_000) return;
  forTab("signing-in", String(Date.now()));
  location.assign(login);
}

function showConfig(config) {
  palette.offer(config);
  score.length = config.window_ms;
  const channels = config.channels.filter(name => !name.includes("*"));
  if (!named && !config.channels.includes("*") && channels.length > 0 && !channels.includes(crowd.channel)) {
    named = channels[0];
    return start();
  }
  const choice = element("channels"), choose = channels.length > 1 && channels.includes(crowd.channel);
  choice.hidden = !choose;
  element("channel").parentElement.classList.toggle("unseen", choose);
  choice.replaceChildren(...(choose ? channels.map(name => new Option(name, name, false, name === crowd.channel)) : []));
  showState(crowd.state);
}

element("channels").addEventListener("change", e => {
  const fragment = new URLSearchParams(location.hash.slice(1));
  fragment.set("channel", e.target.value);
  location.hash = fragment; // hashchange starts it
});

// ---- Settings ----

const settings = {move: element("set-move"), say: element("set-say"), keys: element("set-keys"), vibrate: element("set-vibrate")};
for (const [name, box] of Object.entries(settings)) {
  box.checked = forLater(name) !== "off";
  box.addEventListener("change", () => { forLater(name, box.checked ? null : "off"); obey(); });
}
element("set-vibrate-label").hidden = !navigator.vibrate;
element("pause").addEventListener("click", () => { settings.move.checked = !settings.move.checked; settings.move.dispatchEvent(new Event("change")); });
obey();

function obey() {
  const still = !settings.move.checked, button = element("pause");
  document.body.classList.toggle("still", still);
  document.body.classList.toggle("keys", settings.keys.checked);
  score.still = still;
  if (still) { floating.clear(); floating.pause(); } else floating.resume();
  button.setAttribute("aria-pressed", still);
  button.title = still ? "Let it move" : "Stop the movement";
  say.muted = !settings.say.checked;
}

element("sign-out").addEventListener("click", () => {
  token = forTab("token", null);
  element("settings").hidePopover();
  start();
});

addEventListener("keydown", e => {
  if (e.ctrlKey || e.metaKey || e.altKey || e.defaultPrevented || !settings.keys.checked) return;
  if (e.target.closest?.("input, select, textarea, [contenteditable]")) return;
  if (/^[1-9]$/.test(e.key) && !(e.repeat && e.timeStamp - lastKey < 125)) { if (palette.key(Number(e.key))) lastKey = e.timeStamp; }
  else if (e.key === "/") { e.preventDefault(); palette.search(); }
});

// ---- What goes with time and with the screen ----

setInterval(() => {
  score.tick();
  say.tick();
  if (retryAt) showPill();
}, 1000);

// The sheet stays above the keyboard of a phone.
visualViewport?.addEventListener("resize", () => {
  const {height, offsetTop, scale} = visualViewport;
  if (scale < 1.01) document.documentElement.style.setProperty("--keyboard", `${Math.max(0, innerHeight - height - offsetTop)}px`);
});
addEventListener("resize", () => floating.set({size: crowdSize()}));
matchMedia("(prefers-color-scheme: light)").addEventListener("change", () => floating.set({own: ownColour()}));

function crowdSize() { return Math.round(2.1 * parseFloat(getComputedStyle(document.documentElement).fontSize)); }
function ownColour() { return getComputedStyle(document.documentElement).getPropertyValue("--own").trim(); }

readAddress();
addEventListener("hashchange", () => { readAddress(); start(); });
start();
