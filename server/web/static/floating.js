// Draws emojis that float over a canvas: those of the crowd as many as the scaled counts of
// the windows say, one's own at once and with a ring.
//
//   const floating = new FloatingCrowd(canvas, {size: 40, position: "bottom"});
//   crowd.addEventListener("swarm", event => floating.swarm(event.detail));
//   const id = floating.tap("🔥", {x: 0.5});       // one's own, pending
//   floating.settle(id, "accepted");               // or "refused", "in_doubt"
//
// The canvas has the size that CSS gives it. Positions are shares of it, so it may change.

/** Where emojis float: the part of the canvas that they use (shares of its width and height), and whether they fall. */
export const positions = Object.freeze({
  "full": {left: 0, width: 1, height: 1},
  "bottom": {left: 0, width: 1, height: 0.45},
  "top": {left: 0, width: 1, height: 0.45, falls: true},
  "left": {left: 0, width: 0.22, height: 1},
  "right": {left: 0.78, width: 0.22, height: 1},
  "bottom-left": {left: 0, width: 0.3, height: 0.5},
  "bottom-right": {left: 0.7, width: 0.3, height: 0.5},
  "top-left": {left: 0, width: 0.3, height: 0.5, falls: true},
  "top-right": {left: 0.7, width: 0.3, height: 0.5, falls: true},
});

const life = 4; // seconds that an emoji floats, at mean speed
const easing = 0.5; // seconds: time constant with which the rate of an emoji changes
const longestStep = 0.1; // seconds: after a pause of the browser the picture does not catch up
const stalled = 1500; // milliseconds without a frame, after which nobody is looking
const mostKinds = 64; // kinds of emojis that rise at once
const mostBitmaps = 256, mostPixels = 8e6; // of drawings of emojis that are kept: 32 MB
const fonts = '"Apple Color Emoji","Segoe UI Emoji","Noto Color Emoji","Twemoji Mozilla",sans-serif';

// What a sprite is: one of the crowd, or one's own and what became of it.
const looks = {crowd: 0, pending: 1, accepted: 2, refused: 3, in_doubt: 4};

// plain returns an emoji without selectors, which not everybody writes.
const plain = emoji => emoji.replace(/[\uFE0E\uFE0F]/g, "");

export class FloatingCrowd {
  #canvas; #context; #options; #place; #only = null;
  #sprites = []; #alive = 0; #nextID = 1; #spot = Math.random(); // the first #alive of #sprites float; the others wait for their next use
  #kinds = []; #newest = ""; #span = 2; #sum = 0;
  #bitmaps = new Map();
  #width = 0; #height = 0; #ratio = 1; #resized = true;
  #last = 0; #ticking = false; #paused = false; #closed = false; #still; #observer; #request = 0;
  #tick = now => this.#frame(now); // made once: a frame makes no garbage
  #wake = () => this.#start();
  #stillChanged = () => { this.clear(); };

  /**
   * size: of an emoji, in CSS pixels. density: times the scaled counts. position: one of positions. emojis: only these, or null.
   * most: how many float at once. own: the colour of the ring. motion: "auto" (as the system asks), "full" or "reduced".
   */
  constructor(canvas, options = {}) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d");
    this.#still = globalThis.matchMedia?.("(prefers-reduced-motion: reduce)");
    this.set({size: 40, density: 1, position: "full", emojis: null, most: 400, own: "#ffffff", motion: "auto", ...options});
    this.#still?.addEventListener("change", this.#stillChanged);
    document.addEventListener("visibilitychange", this.#wake);
    this.#observer = new ResizeObserver(() => { this.#resized = true; this.#start(); });
    this.#observer.observe(canvas);
  }

  /** Changes some of the options. */
  set(options) {
    const before = this.#options;
    this.#options = {...before, ...options};
    const {position, emojis, size, own} = this.#options;
    this.#place = positions[position] ?? positions.full;
    this.#only = emojis && emojis.length > 0 ? new Set(emojis.map(plain)) : null;
    if (before && (before.size !== size || before.own !== own)) this.#bitmaps.clear();
    this.#resized = true;
    this.#start();
  }

  /** How many emojis float now. */
  get floating() { return this.#alive; }

  /** Whether emojis float, or will. */
  get moving() { return this.#alive > 0 || this.#sum > 0; }

  /** Whether nothing moves over the canvas: emojis appear and vanish where they are. */
  get reduced() { return this.#options.motion === "reduced" || this.#options.motion === "auto" && !!this.#still?.matches; }

  /**
   * Takes a window: its scaled counts rise spread over as long a time as the window was. One's own, which have been shown
   * already, do not rise again. A window that has grown lets only the rest rise, and one that is not the newest nothing.
   */
  swarm(swarm) {
    if (this.#closed || this.#paused) return;
    const {start, end} = swarm.window;
    if (this.#newest && Date.parse(start) < Date.parse(this.#newest)) return;
    const grown = start === this.#newest;
    this.#newest = start;
    this.#span = Math.min(60, Math.max(0.2, (Date.parse(end) - Date.parse(start)) / 1000)) || 2;
    const unseen = document.hidden || this.#ticking && performance.now() - this.#last > stalled;
    for (const kind of this.#kinds) {
      if (unseen) kind.owed = 0;
      if (!grown) kind.told = 0;
    }
    for (const {emoji_type: emoji, emoji_count: count, emoji_count_aggregated: scaled} of swarm.emojis) {
      if (!(scaled > 0) || this.#only && !this.#only.has(plain(emoji))) continue;
      const kind = this.#kind(emoji);
      if (!kind) continue;
      const others = count > 0 ? 1 - Math.min(1, (swarm.own?.[emoji] ?? 0) / count) : 1;
      const wanted = Math.min(scaled * others * this.#options.density, 1e6);
      const more = Math.max(0, wanted - kind.told);
      kind.told = Math.max(kind.told, wanted);
      if (document.hidden) continue;
      kind.owed += more;
    }
    for (const kind of this.#kinds) kind.target = kind.owed / this.#span;
    this.#count();
    this.#start();
  }

  /**
   * Shows one's own emoji at once, with a ring. x and y are where it begins, as shares of the canvas; without them it begins
   * where the crowd's do. The result is its id for settle.
   */
  tap(emoji, {x, y, result = "pending"} = {}) {
    if (this.#closed || this.#paused || document.hidden) return 0;
    return this.#launch(emoji, looks[result] ?? looks.pending, x, y);
  }

  /** Says what became of one's own emoji: "accepted", "refused" (it falls) or "in_doubt". */
  settle(id, result) {
    for (let i = 0; id > 0 && i < this.#alive; i++) {
      const s = this.#sprites[i];
      if (s.id !== id) continue;
      s.look = looks[result] ?? s.look;
      s.bitmap = this.#bitmap(s.emoji, s.look);
    }
  }

  /** Stands still until resume. What comes meanwhile is not shown later. */
  pause() {
    this.#paused = true;
    for (const kind of this.#kinds) kind.owed = kind.target = kind.rate = 0;
    this.#count();
  }

  resume() { this.#paused = false; this.#last = 0; this.#start(); }

  /** Takes everything off the canvas. */
  clear() {
    this.#alive = 0;
    this.#kinds.length = 0;
    this.#count();
    this.#paint();
  }

  close() {
    this.clear();
    this.#closed = true;
    cancelAnimationFrame(this.#request);
    this.#observer.disconnect();
    this.#still?.removeEventListener("change", this.#stillChanged);
    document.removeEventListener("visibilitychange", this.#wake);
    this.#bitmaps.clear();
    this.#sprites.length = 0;
  }

  /** Moves everything on by some seconds, without drawing. The frames do so by themselves. */
  step(seconds) {
    const dt = Math.min(seconds, longestStep);
    if (!(dt > 0)) return;
    if (this.#resized) this.#fit();
    this.#rise(dt);
    for (let i = 0; i < this.#alive;) {
      const s = this.#sprites[i];
      s.age += dt;
      if (s.look === looks.refused) s.fall += dt;
      if (s.age < s.life && s.fall < 1) { i++; continue; }
      this.#alive--; // the last one takes its place
      this.#sprites[i] = this.#sprites[this.#alive];
      this.#sprites[this.#alive] = s;
    }
  }

  // The kind with that emoji; where there are too many it is null.
  #kind(emoji) {
    let idle = null;
    for (const kind of this.#kinds) {
      if (kind.emoji === emoji) return kind;
      if (kind.owed === 0 && kind.told === 0) idle = kind;
    }
    if (!idle) {
      if (this.#kinds.length >= mostKinds) return null;
      this.#kinds.push(idle = {emoji, owed: 0, told: 0, rate: 0, target: 0, progress: 0});
    }
    idle.emoji = emoji;
    idle.rate = idle.target = 0;
    idle.progress = 0.999; // so the first one rises at once
    return idle;
  }

  // Counts the emojis that are still to rise.
  #count() {
    this.#sum = 0;
    for (const kind of this.#kinds) this.#sum += kind.owed;
  }

  // Lets the crowd's emojis rise that are due within dt seconds. If the canvas would get too full, fewer of each rise.
  #rise(dt) {
    let rate = 0;
    for (const kind of this.#kinds) {
      kind.rate += (kind.target - kind.rate) * (1 - Math.exp(-dt / easing));
      rate += Math.min(kind.rate, kind.owed / dt);
    }
    const fullness = rate * (this.reduced ? 2 : life) / this.#room();
    const share = 1 / Math.sqrt(Math.sqrt(1 + fullness ** 4)); // 1 while there is room, then no more than there is room for
    for (let i = this.#kinds.length - 1; i >= 0; i--) {
      const kind = this.#kinds[i];
      const due = Math.min(kind.rate * dt, kind.owed);
      kind.owed -= due;
      if (kind.owed < 1e-3) kind.owed = 0;
      for (kind.progress += due * share; kind.progress >= 1; kind.progress--) this.#launch(kind.emoji, looks.crowd);
      if (kind.owed > 0 || kind.rate > 0.02) continue;
      kind.rate = kind.target = 0;
      if (kind.told === 0) this.#kinds.splice(i, 1); // it was not in the newest window either
    }
    this.#count();
  }

  // How many emojis of the crowd may float at once.
  #room() {
    const {most, size} = this.#options;
    if (this.reduced) return Math.min(24, most);
    const area = this.#place.width * this.#width * this.#place.height * this.#height;
    return Math.max(8, Math.min(most, area / (size * size * 1.6)));
  }

  #launch(emoji, look, x, y) {
    const own = look !== looks.crowd;
    const {most, size} = this.#options;
    if (this.#alive >= (own ? most + 100 : most)) return 0;
    let s = this.#sprites[this.#alive];
    if (!s) this.#sprites.push(s = {id: 0, emoji: "", look: 0, bitmap: null, x: 0, y: 0, way: 0, age: 0, life: 0, fall: 0, sway: 0, scale: 0});
    this.#alive++;
    const {left, width, height, falls} = this.#place;
    const marginX = Math.min(0.5, size / 2 / (width * this.#width || 1)); // so that none is cut off at the sides
    s.id = this.#nextID++;
    s.emoji = emoji;
    s.look = look;
    s.bitmap = this.#bitmap(emoji, look);
    this.#spot = (this.#spot + 0.618 + 0.08 * Math.random()) % 1; // far from those before it
    s.x = x ?? left + width * (marginX + (1 - 2 * marginX) * this.#spot);
    s.age = 0;
    s.fall = 0;
    s.sway = Math.random() * 2 * Math.PI;
    s.scale = own ? 1.15 : 0.75 + 0.4 * Math.random();
    if (this.reduced) {
      s.y = y ?? (falls ? 0 : 1 - height) + height * (0.15 + 0.7 * Math.random());
      s.way = 0;
      s.life = 2;
    } else {
      s.y = y ?? (falls ? -size / (this.#height || 1) : 1 + size / (this.#height || 1));
      s.way = (falls ? 1 : -1) * height * (0.7 + 0.3 * Math.random());
      s.life = life * (0.8 + 0.4 * Math.random());
    }
    this.#start();
    return s.id;
  }

  // The drawing of an emoji, made once.
  #bitmap(emoji, look) {
    const key = look + emoji;
    let bitmap = this.#bitmaps.get(key);
    if (bitmap) return bitmap;
    bitmap = draw(emoji, look, Math.min(320, Math.ceil(this.#options.size * this.#ratio)), this.#options.own);
    const most = Math.min(mostBitmaps, Math.max(8, mostPixels / bitmap.width ** 2));
    while (this.#bitmaps.size >= most) this.#bitmaps.delete(this.#bitmaps.keys().next().value); // the oldest
    this.#bitmaps.set(key, bitmap);
    return bitmap;
  }

  #start() {
    if (this.#ticking || this.#closed || document.hidden || !this.#resized && (this.#paused || !this.moving)) return;
    this.#ticking = true;
    this.#last = performance.now();
    this.#request = requestAnimationFrame(this.#tick);
  }

  #frame(now) {
    this.#ticking = false;
    if (this.#closed) return;
    if (this.#resized) this.#fit();
    if (!this.#paused) this.step(Math.max(0, now - this.#last) / 1000);
    this.#last = now;
    this.#paint();
    if (this.#paused || document.hidden || !this.moving) return; // it stands still until something comes
    this.#ticking = true;
    this.#request = requestAnimationFrame(this.#tick);
  }

  // Gives the canvas as many pixels as the screen has in its place.
  #fit() {
    this.#resized = false;
    const box = this.#canvas.getBoundingClientRect();
    const ratio = Math.min(globalThis.devicePixelRatio || 1, 3, Math.sqrt(8.3e6 / (box.width * box.height || 1))); // at most 4K
    if (ratio !== this.#ratio) this.#bitmaps.clear();
    this.#ratio = ratio;
    this.#width = box.width;
    this.#height = box.height;
    const width = Math.round(box.width * ratio), height = Math.round(box.height * ratio);
    if (this.#canvas.width !== width) this.#canvas.width = width;
    if (this.#canvas.height !== height) this.#canvas.height = height;
  }

  #paint() {
    const context = this.#context;
    if (!context) return;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.globalAlpha = 1;
    context.clearRect(0, 0, this.#canvas.width, this.#canvas.height);
    this.#drawAll(false);
    this.#drawAll(true); // one's own are in front
  }

  #drawAll(own) {
    const context = this.#context, still = this.reduced, side = this.#options.size * this.#ratio;
    for (let i = 0; i < this.#alive; i++) {
      const s = this.#sprites[i], age = s.age / s.life;
      if (own !== (s.look !== looks.crowd)) continue;
      const rest = (1 - age) * 3; // in the last third it fades
      let alpha = Math.min(1, rest), scale = s.scale;
      if (still) alpha = Math.min(alpha, age * 5);
      else scale *= pop(s.age) * (1 - 0.25 * age);
      if (s.look === looks.pending || s.look === looks.in_doubt) alpha *= 0.7;
      if (s.look === looks.refused) alpha *= 1 - s.fall;
      const way = s.way * age * (1.3 - 0.3 * age); // a little faster at first
      const x = s.x * this.#canvas.width + (still ? 0 : Math.sin(s.sway + s.age * 2) * side * 0.35 * Math.min(1, s.age));
      const y = (s.y + way + (still ? 0 : s.fall * s.fall * 0.25)) * this.#canvas.height;
      const wide = s.bitmap.width / s.bitmap.emojiSide * side * scale;
      context.globalAlpha = alpha;
      context.drawImage(s.bitmap, x - wide / 2, y - wide / 2, wide, wide);
    }
  }
}

// How large an emoji is that began to float that many seconds ago: it grows a little too far, and back.
function pop(age) {
  if (age >= 0.35) return 1;
  const t = age / 0.35 - 1;
  return 1 + 2.7 * t * t * t + 1.7 * t * t;
}

// Draws an emoji into a canvas of its own, with a ring if it is one's own. Not all is told by colour alone: what is pending
// has a broken ring, and what was refused is crossed out.
function draw(emoji, look, side, own) {
  const room = Math.ceil(side * (look === looks.crowd ? 1.3 : 1.75));
  const bitmap = document.createElement("canvas");
  bitmap.width = bitmap.height = room;
  bitmap.emojiSide = side;
  const context = bitmap.getContext("2d");
  if (!context) return bitmap;
  const middle = room / 2;
  context.font = `${Math.round(side * 0.9)}px ${fonts}`;
  context.textAlign = "center";
  const box = context.measureText(emoji);
  const tall = box.actualBoundingBoxAscent - box.actualBoundingBoxDescent;
  const wide = Math.max(1, box.actualBoundingBoxLeft + box.actualBoundingBoxRight, box.actualBoundingBoxAscent + box.actualBoundingBoxDescent);
  context.save();
  context.translate(middle, middle);
  if (wide > side * 1.25) context.scale(side * 1.25 / wide, side * 1.25 / wide); // some fonts draw a family side by side
  context.fillStyle = "#888";
  context.fillText(emoji, (box.actualBoundingBoxLeft - box.actualBoundingBoxRight) / 2, tall / 2);
  context.restore();
  if (look === looks.crowd) return bitmap;
  const ring = (colour, width) => {
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.setLineDash(look === looks.accepted ? [] : [side * 0.16, side * 0.12]);
    context.beginPath();
    context.arc(middle, middle, side * 0.78, 0, 2 * Math.PI);
    if (look === looks.refused) {
      context.moveTo(middle - side * 0.55, middle + side * 0.55);
      context.lineTo(middle + side * 0.55, middle - side * 0.55);
    }
    context.stroke();
  };
  context.lineCap = "round";
  ring("rgba(0,0,0,.45)", side * 0.12); // an edge, so that the ring stands out on any ground
  ring(look === looks.refused ? "#ff5a4f" : own, side * 0.07);
  return bitmap;
}
