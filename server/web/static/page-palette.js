// The reactions that can be tapped: a bar of up to ten, and a sheet with all of them, which can be searched.

const inBar = 9;
const holdAfter = 400, repeatEvery = 125; // ms: a reaction that is held is sent again and again
const pendingAfter = 300; // ms: an answer that comes sooner is not waited for visibly
const resultStays = 1100; // ms
const anyEmoji = /\p{Extended_Pictographic}|\p{Regional_Indicator}{2}|[0-9#*]\ufe0f?\u20e3/u;

const element = id => document.getElementById(id);

export class Palette {
  #dock = element("dock"); #sheet = element("more"); #search = element("search"); #found = element("found"); #none = element("found-none");
  #palette = []; #names = {}; #any = false; #added = [];
  #buttons = new Map(); // by emoji, those of both places
  #marks = new Map(); // by emoji: what became of the last taps
  #presses = new Map(); // by pointer
  #lastUp = null; #lastKey = 0; #every = repeatEvery;
  #tap;

  /** Calls tap(emoji, button) for each reaction; where taps are not possible it returns false. */
  constructor(tap) {
    this.#tap = tap;
    for (const place of [this.#dock, this.#found]) this.#listen(place);
    this.#dock.addEventListener("keydown", e => this.#arrows(e, this.#dock, true));
    this.#found.addEventListener("keydown", e => this.#arrows(e, this.#found, false));
    this.#search.addEventListener("input", () => this.#find());
    this.#search.addEventListener("keydown", e => {
      const first = this.#found.querySelector(".react");
      if (e.key === "Enter" && first && !e.repeat && !e.isComposing) this.#send(first);
      if (e.key === "ArrowDown" && first) { e.preventDefault(); first.focus(); }
    });
    this.#sheet.addEventListener("toggle", e => {
      const open = e.newState === "open";
      this.#dock.querySelector(".more-button")?.setAttribute("aria-expanded", open);
      if (open && !matchMedia("(pointer: coarse)").matches) this.#search.focus(); // a touch keyboard would cover the sheet
      if (!open) this.#stopAll();
    });
    addEventListener("blur", () => this.#stopAll());
  }

  /** Shows what /v1/config offers. */
  offer({palette, names, any_emoji: any}) {
    if (String(palette) === String(this.#palette) && any === this.#any) return;
    const focused = document.activeElement?.dataset.emoji;
    this.#palette = [...palette];
    this.#names = names ?? {};
    this.#any = any;
    this.#stopAll();
    this.#dock.replaceChildren();
    const all = palette.length <= inBar + 1 && !any;
    palette.slice(0, all ? inBar + 1 : inBar).forEach((emoji, i) => this.#dock.append(this.#button(emoji, i < 9 ? i + 1 : 0)));
    if (!all) this.#dock.append(this.#moreButton());
    this.#rove(this.#dock.firstElementChild);
    this.#find();
    if (focused) [...this.#dock.children].find(b => b.dataset.emoji === focused)?.focus();
  }

  /** What an emoji is called. */
  name(emoji) { return this.#names[emoji] ?? emoji; }

  /** Sends the reaction in that place of the bar, from 1. */
  key(place) {
    const button = this.#dock.children[place - 1];
    if (button?.dataset.emoji) this.#send(button);
    return !!button?.dataset.emoji;
  }

  search() { if (this.#dock.querySelector(".more-button")) this.#sheet.showPopover(); }

  /** Says how many a second the servers take of one user: what is held is sent no faster. */
  set atMost(perSecond) { this.#every = Math.max(repeatEvery, 1000 / perSecond); }

  /** Says whether reactions are taken now. */
  set shut(shut) {
    document.body.classList.toggle("shut", shut);
    if (shut) this.#stopAll();
    for (const button of document.querySelectorAll(".react[data-emoji]")) button.setAttribute("aria-disabled", shut);
  }

  /** Follows a tap, and shows on its button whether it is waiting, counted or refused. */
  follow(tap) {
    let mark = this.#marks.get(tap.emoji);
    if (!mark) this.#marks.set(tap.emoji, mark = {waiting: new Map(), counted: 0, result: "", timer: 0});
    const timer = setTimeout(() => this.#show(tap.emoji), pendingAfter);
    mark.waiting.set(tap, performance.now());
    tap.done.then(() => {
      clearTimeout(timer);
      mark.waiting.delete(tap);
      mark.counted = tap.result === "accepted" && mark.result === "accepted" ? mark.counted + tap.count : tap.count;
      mark.result = tap.result;
      clearTimeout(mark.timer);
      mark.timer = setTimeout(() => { mark.result = ""; mark.counted = 0; this.#show(tap.emoji); }, resultStays);
      this.#show(tap.emoji);
    });
  }

  #show(emoji) {
    const mark = this.#marks.get(emoji), now = performance.now();
    let count = 0, oldest = now;
    for (const [tap, at] of mark.waiting) { count += tap.count; oldest = Math.min(oldest, at); }
    const result = now - oldest >= pendingAfter - 5 ? "pending" : mark.result;
    const text = {pending: `${count}`, accepted: mark.counted > 1 ? `✓${mark.counted}` : "✓", refused: "✕", in_doubt: "?"}[result] ?? "";
    for (const button of this.#buttons.get(emoji) ?? []) {
      if (!button.isConnected) { this.#buttons.get(emoji).delete(button); continue; }
      if (result) { button.dataset.result = result; button.querySelector(".badge").dataset.text = text; } else delete button.dataset.result;
    }
    if (!result && mark.waiting.size === 0) this.#marks.delete(emoji);
  }

  #button(emoji, key) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "react";
    button.dataset.emoji = emoji;
    button.title = this.name(emoji);
    button.setAttribute("aria-label", this.name(emoji));
    button.setAttribute("aria-disabled", document.body.classList.contains("shut"));
    if (key) { button.setAttribute("aria-keyshortcuts", key); button.dataset.key = key; }
    for (const name of ["face", "badge"]) {
      const span = document.createElement("span");
      span.className = name;
      span.ariaHidden = "true";
      button.append(span);
    }
    button.firstChild.textContent = emoji;
    let places = this.#buttons.get(emoji);
    if (!places) this.#buttons.set(emoji, places = new Set());
    for (const old of places) if (!old.isConnected && old !== button) places.delete(old);
    places.add(button);
    return button;
  }

  #moreButton() {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "react more-button";
    button.setAttribute("aria-label", "More reactions");
    button.setAttribute("aria-expanded", "false");
    button.title = "More reactions";
    button.popoverTargetElement = this.#sheet;
    button.append(element("more-icon").content.cloneNode(true));
    return button;
  }

  // Shows the reactions that the search finds. An emoji that is not in the palette is offered where all are taken.
  #find() {
    const typed = this.#search.value.trim(), words = typed.toLowerCase().split(/\s+/).filter(Boolean);
    const all = [...new Set([...this.#added, ...this.#palette])];
    const found = all.filter(emoji => emoji === typed || words.every(word => this.name(emoji).toLowerCase().includes(word)));
    if (this.#any && found.length === 0 && anyEmoji.test(typed)) found.push(typed);
    this.#found.replaceChildren(...found.map(emoji => this.#button(emoji, 0)));
    this.#sheet.toggleAttribute("data-few", all.length <= 16);
    const none = found.length > 0 ? "" : this.#any ? "Nothing has that name. Type or paste any emoji to send it." : "Nothing has that name.";
    this.#none.textContent = none || (this.#any && !typed ? "Any other emoji can be typed or pasted above." : "");
  }

  // Sends the reaction of a button.
  #send(button) {
    const emoji = button.dataset.emoji;
    if (!emoji || this.#tap(emoji, button) === false) return false;
    if (!this.#palette.includes(emoji) && !this.#added.includes(emoji)) this.#added = [emoji, ...this.#added].slice(0, 20);
    if (!button.isConnected) return true;
    button.classList.add("pressed");
    setTimeout(() => { if (![...this.#presses.values()].some(p => p.button === button)) button.classList.remove("pressed"); }, 110);
    return true;
  }

  // A reaction is sent when a finger leaves the button on which it came down, and again and again while it is held.
  #listen(place) {
    place.addEventListener("pointerdown", e => {
      const button = e.target.closest?.(".react[data-emoji]");
      if (!button || e.button !== 0) return;
      const press = {button, repeats: 0, timer: 0};
      const repeat = () => {
        if (!button.isConnected || !this.#send(button)) return this.#stop(e.pointerId);
        press.repeats++;
        press.timer = setTimeout(repeat, this.#every);
      };
      this.#stop(e.pointerId);
      this.#presses.set(e.pointerId, press);
      press.timer = setTimeout(repeat, holdAfter);
      button.classList.add("pressed");
    });
    place.addEventListener("pointerup", e => {
      const press = this.#presses.get(e.pointerId);
      if (!press) return;
      const box = press.button.getBoundingClientRect();
      const inside = e.clientX >= box.left && e.clientX <= box.right && e.clientY >= box.top && e.clientY <= box.bottom;
      this.#stop(e.pointerId);
      this.#lastUp = {button: press.button, at: e.timeStamp};
      if (inside && press.repeats === 0) this.#send(press.button);
    });
    for (const type of ["pointercancel", "pointerleave"]) place.addEventListener(type, e => this.#stop(e.pointerId));
    place.addEventListener("pointerout", e => { if (e.target === this.#presses.get(e.pointerId)?.button) this.#stop(e.pointerId); });
    place.addEventListener("contextmenu", e => { if (e.target.closest(".react") && e.pointerType !== "mouse") e.preventDefault(); });
    // What screen readers, voice control and Enter send is a click without a pointer before it.
    place.addEventListener("click", e => {
      const button = e.target.closest(".react[data-emoji]");
      if (!button) return;
      const own = this.#lastUp?.button === button && e.timeStamp - this.#lastUp.at < 700;
      this.#lastUp = null;
      if (!own) this.#send(button);
    });
    place.addEventListener("keydown", e => { // a key that is held repeats as a finger does
      if (e.key !== "Enter" && e.key !== " ") return;
      if (e.repeat && (e.key === " " || e.timeStamp - this.#lastKey < this.#every)) return e.preventDefault();
      this.#lastKey = e.timeStamp;
    });
  }

  #stop(pointer) {
    const press = this.#presses.get(pointer);
    if (!press) return;
    clearTimeout(press.timer);
    press.button.classList.remove("pressed");
    this.#presses.delete(pointer);
  }

  #stopAll() { for (const pointer of [...this.#presses.keys()]) this.#stop(pointer); }

  // Arrows go from button to button. In the bar only one of them is reached by Tab.
  #arrows(e, place, roves) {
    const at = e.target.closest(".react"), buttons = [...place.querySelectorAll(".react")];
    if (!at) return;
    const columns = buttons.filter(b => b.offsetTop === buttons[0].offsetTop).length;
    const forward = getComputedStyle(place).direction === "rtl" ? -1 : 1;
    const steps = {ArrowRight: forward, ArrowLeft: -forward, ArrowDown: columns, ArrowUp: -columns, Home: -Infinity, End: Infinity};
    const step = steps[e.key];
    if (step === undefined) return;
    e.preventDefault();
    const to = buttons.indexOf(at) + step;
    if (place === this.#found && to < 0 && e.key === "ArrowUp") return this.#search.focus();
    const next = buttons[Math.min(buttons.length - 1, Math.max(0, to))];
    if (roves) this.#rove(next);
    next.focus();
  }

  #rove(to) { for (const button of this.#dock.children) button.tabIndex = button === to ? 0 : -1; }
}
