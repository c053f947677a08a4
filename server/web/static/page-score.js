// What the newest window counted: its total, the ranks, one's own share, and when the next one comes.

const quietAfter = 4; // empty windows, after which the page says that it is quiet
const shareStays = 6000; // ms that one's own share can be read
const recent = 60; // windows in the curve
const mostRanks = 8;
const longestBacklog = 10 * 60_000; // ms: no window comes later than that

const numbers = new Intl.NumberFormat("en");
export const number = n => numbers.format(Math.round(n));
export const plural = (n, one, many = one + "s") => `${number(n)} ${Math.round(n) === 1 ? one : many}`;

const reduced = matchMedia("(prefers-reduced-motion: reduce)");
const element = id => document.getElementById(id);

export class Score {
  #total = element("total"); #per = element("per"); #next = element("next"); #share = element("share");
  #list = element("ranks"); #quiet = element("quiet"); #auras = document.querySelectorAll(".aura");
  #rows = new Map(); #totals = new Map(); // by emoji, and by the end of a window
  #end = 0; #length = 0; #ahead = 0; #animation = null;
  #still = false; #tweens = new Map(); #request = 0; #tick = now => this.#step(now);
  #shareTimer = 0; #aura = ""; #front = 0; #tints = new Map();

  /** Says whether nothing may move. */
  set still(still) {
    this.#still = still;
    if (still) for (const animation of this.#list.getAnimations({subtree: true})) animation.finish();
  }

  /** Takes a window, and says whether it is the newest. */
  swarm(swarm) {
    const end = Date.parse(swarm.window.end), start = Date.parse(swarm.window.start);
    if (end < this.#end - longestBacklog) { this.#totals.clear(); this.#end = 0; } // the servers' clock was set back
    this.#totals.set(end, Math.min(swarm.total, Number.MAX_SAFE_INTEGER)); // the curve can be drawn
    if (end < this.#end) return false;
    this.#end = end;
    this.length = end - start;
    this.#label(swarm.total);
    this.#tween(this.#total, swarm.total);
    this.#total.style.setProperty("--digits", Math.max(5, number(swarm.total).length));
    this.#total.toggleAttribute("data-quiet", swarm.total === 0);
    this.#rank(swarm);
    this.#tellShare(swarm);
    this.#curve();
    this.#glow(swarm.emojis[0]?.emoji_type, swarm.total);
    this.#count();
    return true;
  }

  /** How long a window is, in ms. */
  set length(ms) {
    if (!(ms > 0) || ms === this.#length) return;
    this.#length = ms;
    this.#label(0);
    this.#count();
  }

  #label(total) {
    this.#per.textContent = `${Math.round(total) === 1 ? "reaction" : "reactions"} in ${Number((this.#length / 1000).toFixed(1))}\u00a0s`;
  }

  /** How much the server's clock is ahead, in ms. */
  set ahead(ms) { this.#ahead = ms; this.#count(); }

  /** Says every second in how many the next window ends, where windows are long enough for that. */
  tick() {
    const text = this.#length >= 5000 && this.#end ? `next in ${Math.ceil((this.#length - this.#phase()) / 1000)} s` : "";
    if (this.#next.textContent !== text) this.#next.textContent = text;
  }

  /** Begins anew, for another channel. */
  clear() {
    this.#end = 0;
    this.#totals.clear();
    this.#rank({emojis: [], own: {}});
    this.#tween(this.#total, 0);
    this.#curve();
    this.#total.toggleAttribute("data-quiet", true);
    this.#quiet.toggleAttribute("data-shown", false);
  }

  // How much of the window that counts now is over. Windows end when the server's clock says so.
  #phase() {
    const past = Date.now() + this.#ahead - this.#end;
    return (past % this.#length + this.#length) % this.#length;
  }

  // Lets the bar run down once a window.
  #count() {
    if (!this.#length || !this.#end) return;
    const bar = element("countdown");
    if (!this.#animation || this.#animation.effect.getTiming().duration !== this.#length) {
      this.#animation?.cancel();
      this.#animation = bar.animate([{transform: "scaleX(1)"}, {transform: "scaleX(0)"}], {duration: this.#length, iterations: Infinity});
    }
    const off = this.#phase() - this.#animation.currentTime % this.#length;
    if (Math.abs(off) > 80) this.#animation.currentTime = this.#phase();
  }

  #rank({emojis, own}) {
    const shown = emojis.slice(0, mostRanks), most = shown[0]?.emoji_count || 1;
    const moves = !this.#still && !reduced.matches && !document.hidden;
    const before = new Map();
    if (moves) for (const [emoji, row] of this.#rows) before.set(emoji, row.li.offsetTop);
    for (const [emoji, row] of this.#rows) {
      if (shown.some(e => e.emoji_type === emoji)) continue;
      row.li.remove();
      this.#tweens.delete(row.count);
      this.#rows.delete(emoji);
    }
    shown.forEach(({emoji_type: emoji, emoji_count: count}, i) => {
      let row = this.#rows.get(emoji);
      if (!row) this.#rows.set(emoji, row = makeRow(emoji));
      if (this.#list.children[i] !== row.li) this.#list.insertBefore(row.li, this.#list.children[i] ?? null);
      const mine = own?.[emoji] ?? 0;
      row.fill.style.transform = `scaleX(${count / most})`;
      row.own.style.transform = `scaleX(${Math.min(1, mine / most)})`;
      row.yours.textContent = mine > 0 ? `${number(mine)} yours` : "";
      this.#tween(row.count, count);
    });
    if (!moves) return;
    for (const [emoji, row] of this.#rows) {
      const was = before.get(emoji), is = row.li.offsetTop;
      if (was === is) continue;
      const from = was === undefined ? {transform: "translateY(1rem)"} : {transform: `translateY(${was - is}px)`};
      row.li.animate([from, {transform: "none"}], {duration: 500, easing: "cubic-bezier(.2,.8,.2,1)"});
    }
  }

  // One's own share of the emoji of which one sent most.
  #tellShare({emojis, own}) {
    let best = null;
    for (const e of emojis) if ((own?.[e.emoji_type] ?? 0) > (best ? own[best.emoji_type] : 0)) best = e;
    if (!best) return;
    const mine = own[best.emoji_type];
    const face = document.createElement("span"), all = number(best.emoji_count);
    face.className = "emoji";
    face.textContent = best.emoji_type;
    const only = best.emoji_count === 1;
    this.#share.replaceChildren(only ? "The only " : mine >= best.emoji_count ? `All ${all} ` : `${number(mine)} of the ${all} `, face, only ? " was yours" : " were yours");
    this.#share.toggleAttribute("data-shown", true);
    clearTimeout(this.#shareTimer);
    this.#shareTimer = setTimeout(() => this.#share.toggleAttribute("data-shown", false), shareStays);
  }

  // The totals of the last windows; a window that did not come had no reactions.
  #curve() {
    const totals = [];
    const first = Math.min(...this.#totals.keys()); // before it nobody has looked
    for (let i = recent - 1; i >= 0; i--) {
      const end = this.#end - i * this.#length;
      if (end >= first) totals.push(this.#totals.get(end) ?? 0);
    }
    for (const end of this.#totals.keys()) if (end <= this.#end - recent * this.#length) this.#totals.delete(end);
    const most = Math.max(10, ...totals);
    let line = "";
    const x = i => ((i + recent - totals.length) * 200 / (recent - 1)).toFixed(1);
    totals.forEach((n, i) => { line += `${i ? "L" : "M"}${x(i)} ${(38 - 36 * n / most).toFixed(1)}`; });
    element("history-line").setAttribute("d", line);
    element("history-area").setAttribute("d", line && `${line}L200 40L${x(0)} 40Z`);
    const silent = totals.slice(-quietAfter).every(n => n === 0);
    this.#quiet.toggleAttribute("data-shown", silent);
  }

  // Lets the page glow in the colour of the leading emoji, the brighter the more there are.
  #glow(emoji, total) {
    const strength = emoji ? Math.min(0.55, 0.16 + 0.1 * Math.log10(1 + total)) : 0.12;
    const tint = emoji ? this.#tint(emoji) : "hsl(255 85% 56%)";
    if (tint !== this.#aura) {
      this.#aura = tint;
      this.#auras[this.#front].style.opacity = 0;
      this.#front = 1 - this.#front;
      this.#auras[this.#front].style.setProperty("--tint", tint);
    }
    this.#auras[this.#front].style.opacity = strength.toFixed(2);
  }

  // A clear colour with the mean hue of an emoji.
  #tint(emoji) {
    if (this.#tints.has(emoji)) return this.#tints.get(emoji);
    const canvas = document.createElement("canvas"), side = 16;
    canvas.width = canvas.height = side;
    const context = canvas.getContext("2d", {willReadFrequently: true});
    context.font = `12px ${getComputedStyle(document.querySelector(".face, .emoji") ?? document.body).fontFamily}`;
    context.textAlign = "center";
    context.fillText(emoji, side / 2, 12);
    const pixels = context.getImageData(0, 0, side, side).data;
    const sum = [0, 0, 0];
    let weights = 0;
    for (let i = 0; i < pixels.length; i += 4) {
      const [r, g, b, a] = pixels.subarray(i, i + 4);
      const weight = a * (1 + Math.max(r, g, b) - Math.min(r, g, b)); // colours count more than grey
      weights += weight;
      [r, g, b].forEach((c, at) => { sum[at] += c * weight; });
    }
    const [r, g, b] = sum.map(c => c / (weights || 1)), most = Math.max(r, g, b), span = most - Math.min(r, g, b);
    const hue = span < 12 ? 255 : 60 * (most === r ? (g - b) / span : most === g ? 2 + (b - r) / span : 4 + (r - g) / span);
    const tint = `hsl(${Math.round(hue)} 85% 56%)`;
    if (this.#tints.size > 200) this.#tints.clear();
    this.#tints.set(emoji, tint);
    return tint;
  }

  // Moves a number to another one within half a second.
  #tween(place, to) {
    const from = place.shown ?? 0;
    if (this.#still || reduced.matches || document.hidden || from === to) {
      this.#tweens.delete(place);
      place.shown = to;
      place.textContent = number(to);
      return;
    }
    this.#tweens.set(place, {from, to, begun: performance.now()});
    this.#request ||= requestAnimationFrame(this.#tick);
  }

  #step(now) {
    this.#request = 0;
    for (const [place, {from, to, begun}] of this.#tweens) {
      const t = Math.min(1, Math.max(0, (now - begun) / 500));
      const n = t === 1 ? to : Math.round(from + (to - from) * (1 - (1 - t) ** 3));
      if (n !== place.shown) {
        place.shown = n;
        place.textContent = number(n);
      }
      if (t === 1) this.#tweens.delete(place);
    }
    if (this.#tweens.size > 0) this.#request = requestAnimationFrame(this.#tick);
  }
}

function makeRow(emoji) {
  const li = document.createElement("li"), row = {li};
  for (const name of ["fill", "own", "emoji", "yours", "count"]) {
    row[name] = document.createElement("span");
    row[name].className = name;
    li.append(row[name], " ");
  }
  row.emoji.textContent = emoji;
  return row;
}
