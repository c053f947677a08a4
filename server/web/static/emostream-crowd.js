// <emostream-crowd>: the crowd's emojis as an HTML element, for pages whose authors write no code.
//
//   <script type="module" src="https://emostream.example.com/emostream-crowd.js"></script>
//   <emostream-crowd channel="main" position="bottom" palette></emostream-crowd>
//
// Attributes: server (default: where this file comes from), channel, emojis, size, density, position, motion, token, demo as in
// the overlay's address; palette: buttons to tap on, those of the server, or those that it names. The property token may be a
// function that gets one. The element hands on the events of the crowd: swarm, state, config, accepted, refused.
import {connect as connectToServer} from "./emostream.js";
import {FloatingCrowd} from "./floating.js";
import {emojisOf, read} from "./overlay-parameters.js";

const parameters = ["server", "channel", "emojis", "size", "density", "position", "motion", "token", "demo"];
const events = ["swarm", "state", "config", "accepted", "refused"];
const mostButtons = 12; // where the element's author names none

const sheet = new CSSStyleSheet();
sheet.replaceSync(`
:host { display: block; position: relative; min-height: 12rem; font-family: system-ui, sans-serif; color: inherit; --accent: var(--emostream-accent, #6a2fd8); }
:host([hidden]) { display: none; }
canvas { position: absolute; inset: 0; width: 100%; height: 100%; pointer-events: none; }
.bar { position: absolute; inset-inline: 0; bottom: 0; display: flex; flex-direction: column; align-items: center; gap: 6px; padding: 8px; }
.palette { display: flex; flex-wrap: wrap; justify-content: center; gap: 6px; }
button {
  font: 24px/1 "Apple Color Emoji", "Segoe UI Emoji", "Noto Color Emoji", "Twemoji Mozilla", sans-serif; width: 48px; height: 48px; padding: 0;
  border: 1px solid #8888; border-radius: 50%; background: #fffffff0; color: #111; cursor: pointer; touch-action: manipulation; user-select: none; -webkit-user-select: none;
}
button:active { transform: scale(.9); }
button:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
button[aria-disabled=true] { filter: grayscale(1); opacity: .6; cursor: not-allowed; }
.say { margin: 0; padding: 4px 12px; border-radius: 99px; background: #1b1b1f; color: #fff; font-size: 14px; line-height: 1.4; max-width: 100%; box-sizing: border-box; overflow-wrap: anywhere; }
.say:empty { display: none; }
@media (prefers-color-scheme: dark) { button { background: #2a2731f0; color: #eee; } }
@media (prefers-reduced-motion: reduce) { button:active { transform: none; } }
@media (forced-colors: active) { button, .say { border: 1px solid; } }
`);

export class EmostreamCrowd extends HTMLElement {
  static observedAttributes = [...parameters, "palette"];

  #canvas = document.createElement("canvas");
  #palette = document.createElement("div");
  #say = document.createElement("p");
  #floating; #crowd; #connection = ""; #token; #refusal = ""; #refusalEnds; #due = false;

  constructor() {
    super();
    const shadow = this.attachShadow({mode: "open"}), bar = document.createElement("div");
    shadow.adoptedStyleSheets = [sheet];
    this.#canvas.setAttribute("aria-hidden", "true");
    this.#palette.className = "palette";
    this.#palette.setAttribute("role", "group");
    this.#palette.setAttribute("aria-label", "React");
    this.#say.className = "say";
    this.#say.setAttribute("role", "status");
    bar.className = "bar";
    bar.part = "bar";
    this.#palette.part = "palette";
    this.#say.part = "status";
    bar.append(this.#say, this.#palette);
    shadow.append(this.#canvas, bar);
    this.#palette.addEventListener("click", event => this.#tapped(event));
  }

  /** What connect of emostream.js returns; null while the element is in no page. */
  get crowd() { return this.#crowd ?? null; }

  /** A token, or a function that gets one. */
  get token() { return this.#token ?? this.getAttribute("token") ?? ""; }
  set token(token) {
    this.#token = token;
    this.#connection = "";
    this.#refresh();
  }

  /** Taps on an emoji, as a button of the palette does. */
  tap(emoji, count = 1, at = {}) {
    const tap = this.#crowd?.tap(emoji, count);
    if (!tap) return undefined;
    const id = this.#floating.tap(emoji, at);
    tap.done.then(() => {
      this.#floating?.settle(id, tap.result);
      this.#refused(tap.result === "accepted" ? "" : tap.error || tap.code || "not counted");
    });
    return tap;
  }

  connectedCallback() { this.#refresh(); }
  disconnectedCallback() { this.#refresh(); }
  attributeChangedCallback(_, before, now) { if (before !== now) this.#refresh(); }

  // Attributes are often set one after another, and an element that is moved leaves the page for a moment.
  #refresh() {
    if (this.#due) return;
    this.#due = true;
    queueMicrotask(() => {
      this.#due = false;
      if (this.isConnected) this.#show();
      else this.#end();
    });
  }

  #end() {
    this.#crowd?.close();
    this.#floating?.close();
    this.#crowd = this.#floating = undefined;
    this.#connection = "";
    clearTimeout(this.#refusalEnds);
  }

  #show() {
    const {options, faults} = read(parameters.filter(name => this.hasAttribute(name)).map(name => [name, this.getAttribute(name)]));
    for (const fault of faults) console.warn(`<emostream-crowd> ${fault}`);
    const {emojis, size, density, position, motion} = options;
    const looks = {emojis, size: this.hasAttribute("size") ? size : 40, density, position, motion, own: getComputedStyle(this).getPropertyValue("--accent").trim()};
    if (this.#floating) this.#floating.set(looks);
    else this.#floating = new FloatingCrowd(this.#canvas, looks);
    this.#offer();
    this.#connect(options);
  }

  async #connect({channel, token, server, demo, emojis}) {
    const wanted = JSON.stringify([channel, token, server, demo]);
    if (wanted === this.#connection) return;
    this.#connection = wanted;
    this.#crowd?.close();
    this.#crowd = undefined;
    const connect = demo ? (await import("./demo.js")).connect : connectToServer;
    if (wanted !== this.#connection || this.#crowd) return; // it has changed meanwhile
    const anyToken = this.#token ?? token;
    const crowd = this.#crowd = connect({channel, emojis, ...anyToken && {token: anyToken}, ...server && {server}});
    for (const type of events) {
      crowd.addEventListener(type, event => {
        if (crowd !== this.#crowd) return;
        if (type === "swarm") this.#floating.swarm(event.detail);
        if (type === "config") this.#offer();
        if (type === "state") this.#tell();
        this.dispatchEvent(new CustomEvent(type, {detail: event.detail}));
      });
    }
    this.#offer();
    this.#tell();
  }

  // Makes the buttons, if there are to be any.
  #offer() {
    const named = this.getAttribute("palette");
    const config = this.#crowd?.config;
    const all = named === null ? [] : named.trim() ? emojisOf(named) : config?.palette?.slice(0, mostButtons) ?? [];
    const key = JSON.stringify([all, config?.names]);
    if (this.#palette.dataset.key === key) return;
    this.#palette.dataset.key = key;
    this.#palette.hidden = all.length === 0;
    this.#palette.replaceChildren(...all.map(emoji => {
      const button = document.createElement("button");
      button.type = "button";
      button.part = "button";
      button.textContent = emoji;
      button.dataset.emoji = emoji;
      const name = config?.names?.[emoji];
      if (name) {
        button.title = name;
        button.setAttribute("aria-label", name);
      }
      return button;
    }));
    this.#tell();
  }

  #tapped(event) {
    const button = event.target.closest("button");
    if (!button || button.getAttribute("aria-disabled") === "true") return;
    const box = this.#canvas.getBoundingClientRect(), place = button.getBoundingClientRect();
    this.tap(button.dataset.emoji, 1, {x: (place.left + place.width / 2 - box.left) / box.width, y: (place.top + place.height / 2 - box.top) / box.height});
    if (event.isTrusted) navigator.vibrate?.(10);
  }

  // Says why a tap was not counted, for a few seconds.
  #refused(why) {
    if (why === "") return;
    this.#refusal = why;
    clearTimeout(this.#refusalEnds);
    this.#refusalEnds = setTimeout(() => { this.#refusal = ""; this.#tell(); }, 5000);
    this.#tell();
  }

  #tell() {
    const state = this.#crowd?.state;
    if (!state) return;
    const text = this.#refusal || stateText(state);
    if (this.#say.textContent !== text) this.#say.textContent = text;
    const off = ["paused", "closed"].includes(state.channel.state) || ["offline", "signed_out", "refused"].includes(state.connection);
    for (const button of this.#palette.children) button.setAttribute("aria-disabled", String(off));
  }
}

// What people are told of a state; nothing while all is well.
function stateText({connection, error, channel}) {
  switch (connection) {
    case "offline": return "Offline";
    case "reconnecting": return "Reconnecting…";
    case "full": return "It is full; trying again…";
    case "signed_out": return "Signed out";
    case "refused": return error || "Not connected";
    case "live": break;
    default: return "";
  }
  const reason = channel.reason ? `: ${channel.reason}` : "";
  switch (channel.state) {
    case "paused": return "Paused" + reason;
    case "closed": return "Closed" + reason;
    default: return "";
  }
}

if (!customElements.get("emostream-crowd")) customElements.define("emostream-crowd", EmostreamCrowd);
