// What managers see on the page: what is in force and the servers, and how to change it. The page loads it for whoever has
// a token with the scope emostream:manage. Whether a manager may do what is asked for, the server alone decides.

const refreshInterval = 5000, answerLimit = 10_000;
const lengths = [["", "Until I end it"], ["1m", "For 1 minute"], ["5m", "For 5 minutes"], ["15m", "For 15 minutes"], ["1h", "For an hour"], ["12h", "For 12 hours"]];
const rates = [["1/s", "1 a second"], ["30/m", "1 in 2 s"], ["12/m", "1 in 5 s"], ["6/m", "1 in 10 s"]];
const states = {paused: "Paused", closed: "Closed", slowed: "Slow mode", banned: "Banned", hidden: "Hidden"};

// make returns an element with properties, and with children: elements, or texts.
function make(name, properties = {}, ...children) {
  const {label, ...rest} = properties, made = Object.assign(document.createElement(name), rest);
  if (label) made.setAttribute("aria-label", label);
  made.append(...children);
  return made;
}

const options = list => list.map(([value, text]) => new Option(text, value));
const bdi = text => make("bdi", {textContent: text});

// Panel is a button in the page's header, and what it opens.
export class Panel {
  #crowd; #token; #place; #button; #sheet; #timer; #reads = 0;
  #said = make("p", {className: "manage-said", role: "status"});
  #now = make("p", {className: "manage-now"});
  #controls = make("ul", {className: "manage-list"});
  #servers = make("tbody");
  #length = make("select", {label: "How long"}, ...options(lengths));
  #rate = make("select", {label: "How much each person may send"}, ...options(rates));
  #reason = make("input", {className: "manage-reason", type: "text", maxLength: 200, placeholder: "Reason, which people read", label: "Reason, which people read", autocomplete: "off"});
  #emoji = make("input", {type: "text", maxLength: 64, placeholder: "🔥 or :fire:", label: "Emoji to hide", autocomplete: "off"});
  #user = make("input", {type: "text", maxLength: 256, placeholder: "Who", label: "User to ban", autocomplete: "off", autocapitalize: "off", spellcheck: false});

  constructor(crowd, place, token) {
    this.#crowd = crowd;
    this.#token = token;
    this.#place = place;
    this.#button = make("button", {className: "icon", id: "manage-open", type: "button", title: "Manage", label: "Manage"});
    this.#button.setAttribute("popovertarget", "manage-sheet");
    this.#button.append(shield());
    this.#sheet = make("div", {className: "sheet manage", id: "manage-sheet", role: "dialog", label: "Manage"}, ...this.#parts());
    this.#sheet.popover = "auto";
    this.#sheet.addEventListener("toggle", e => e.newState === "open" ? this.#refresh() : clearTimeout(this.#timer));
    document.getElementById("settings-open").before(this.#button);
    place.replaceChildren(make("link", {rel: "stylesheet", href: new URL("manage.css", import.meta.url)}), this.#sheet);
  }

  end() {
    clearTimeout(this.#timer);
    this.#reads++;
    this.#button.remove();
    this.#place.replaceChildren();
  }

  #parts() {
    const channel = this.#crowd.channel;
    const set = (state, more = {}) => () => this.#change("PUT", "channel", channel, {state, ...more});
    const act = (text, then, className = "") => {
      const button = make("button", {type: "button", textContent: text, className});
      button.addEventListener("click", then);
      return button;
    };
    const ask = (input, text, kind) => {
      const form = make("form", {className: "manage-row"}, input, make("button", {textContent: text}));
      form.addEventListener("submit", e => {
        e.preventDefault();
        const name = input.value.trim();
        if (!name) return input.focus();
        this.#change("PUT", kind, name, {}).then(done => { if (done) input.value = ""; });
      });
      return form;
    };
    const close = act("", () => this.#sheet.hidePopover(), "icon");
    close.setAttribute("aria-label", "Close the panel"); // the other one closes the channel
    close.append(cross());
    return [
      make("div", {className: "manage-top"}, make("h2", {textContent: "Manage"}), close),
      this.#said,
      make("section", {}, make("h3", {}, "Channel ", bdi(channel)), this.#now,
        make("div", {className: "manage-row"}, this.#length, this.#reason),
        make("div", {className: "manage-row"}, act("Pause", set("paused")), act("Close", set("closed")), act("Resume", () => this.#change("DELETE", "channel", channel), "good")),
        make("div", {className: "manage-row"}, this.#rate, act("Slow down", () => set("slowed", {per_user: this.#rate.value})()))),
      make("section", {}, make("h3", {textContent: "Emojis and people"}),
        make("p", {className: "manage-hint", textContent: "The time and the reason above go with these, too."}),
        ask(this.#emoji, "Hide", "emoji"), ask(this.#user, "Ban", "user")),
      make("section", {}, make("h3", {textContent: "In force"}), this.#controls),
      make("section", {}, make("h3", {textContent: "Servers"}),
        make("div", {className: "manage-table", tabIndex: 0, role: "region", label: "Servers"},
          make("table", {}, make("thead", {}, make("tr", {}, ...["Name", "Cluster", "Listeners", "State"].map(text => make("th", {textContent: text, scope: "col"})))), this.#servers))),
    ];
  }

  // change sets a control or ends it, says what has become of that, and returns whether it was done.
  async #change(method, kind, name, body) {
    const content = body && {...body, ...this.#length.value && {for: this.#length.value}, ...this.#reason.value.trim() && {reason: this.#reason.value.trim()}};
    this.#say("…");
    const answer = await this.#call(method, `v1/controls/${kind}?${new URLSearchParams({name})}`, content);
    if (answer.error) this.#say(answer.error, true);
    else {
      const {control, before, note} = answer.body;
      this.#say(control ? `${name}: ${inWords(control)}${note ? `. ${note}` : ""}` : before ? `${name}: ended` : `Nothing was set for ${name}`);
    }
    await this.#refresh();
    return !answer.error;
  }

  // call returns the body of an answer, or the error for people.
  async #call(method, path, content) {
    try {
      const response = await fetch(new URL(path, import.meta.url), {
        method, cache: "no-store", signal: AbortSignal.timeout(answerLimit),
        headers: {Authorization: `Bearer ${this.#token()}`, ...content && {"Content-Type": "application/json"}},
        body: content && JSON.stringify(content),
      });
      const body = await response.json();
      return response.ok ? {body} : {error: body.error ?? `The server answers ${response.status}.`, code: body.code};
    } catch {
      return {error: "No answer came. A change may be in force or not: see below."};
    }
  }

  #say(text, bad = false) {
    this.#said.textContent = text;
    this.#said.classList.toggle("bad", bad);
  }

  // refresh reads what is in force and the servers, and again after a while as long as the panel is open.
  async #refresh() {
    clearTimeout(this.#timer);
    const mine = ++this.#reads;
    const [controls, servers] = await Promise.all([this.#call("GET", "v1/controls"), this.#call("GET", "v1/servers")]);
    if (mine !== this.#reads) return; // a later one was begun, or the panel is gone
    if (controls.body) this.#showControls(controls.body.controls);
    else this.#say(controls.error, true);
    if (servers.body) this.#showServers(servers.body.servers);
    if (this.#sheet.matches(":popover-open")) this.#timer = setTimeout(() => this.#refresh(), refreshInterval);
  }

  #showControls(controls) {
    const channel = controls.find(c => c.kind === "channel" && c.name === this.#crowd.channel);
    this.#now.textContent = channel ? inWords(channel) : "Open";
    this.#now.dataset.state = channel ? channel.state : "open";
    update(this.#controls, controls, c => `${c.kind} ${c.name}`, c => JSON.stringify(c), c => {
      const end = make("button", {type: "button", textContent: "End", label: `End: ${c.kind} ${c.name}`});
      end.addEventListener("click", () => this.#change("DELETE", c.kind, c.name));
      const by = [inWords(c), c.reason, c.set_by && `by ${c.set_by}`].filter(Boolean).join(" · ");
      return make("li", {}, make("div", {}, make("strong", {}, `${c.kind} `, bdi(c.name)), make("span", {}, bdi(by))), end);
    });
    if (!controls.length) this.#controls.replaceChildren(make("li", {className: "manage-hint", textContent: "Nothing: everybody may tap anything."}));
  }

  #showServers(servers) {
    this.#servers.replaceChildren(...servers.map(s => make("tr", {},
      make("td", {}, bdi(s.name)), make("td", {}, bdi(s.cluster)), make("td", {textContent: `${s.clients} of ${s.capacity}`}),
      make("td", {textContent: s.alive ? s.state ?? "alive" : `silent for ${Math.round(s.heartbeat_age)} s`, className: s.alive ? "" : "bad"}))));
    if (!servers.length) this.#servers.replaceChildren(make("tr", {}, make("td", {colSpan: 4, textContent: "No server has announced itself."})));
  }
}

// update makes the children of a list those of the items. One whose item has not changed stays, and keeps the focus.
function update(list, items, key, version, child) {
  const old = new Map([...list.children].map(li => [li.dataset.key, li]));
  const now = items.map(item => {
    const before = old.get(key(item));
    if (before?.dataset.version === version(item)) return before;
    const li = child(item);
    li.dataset.key = key(item);
    li.dataset.version = version(item);
    return li;
  });
  for (const li of old.values()) if (!now.includes(li)) li.remove();
  now.forEach((li, i) => { if (list.children[i] !== li) list.insertBefore(li, list.children[i] ?? null); });
}

const clock = new Intl.DateTimeFormat(undefined, {hour: "numeric", minute: "2-digit", second: "2-digit"});
const dayAndClock = new Intl.DateTimeFormat(undefined, {dateStyle: "medium", timeStyle: "short"});

function inWords({state, per_user, until}) {
  const at = until && new Date(until);
  return `${states[state] ?? state}${per_user ? `, ${per_user} each` : ""}${at ? ` until ${(at - Date.now() < 12 * 3600_000 ? clock : dayAndClock).format(at)}` : ""}`;
}

function icon(path) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.append(document.createElementNS("http://www.w3.org/2000/svg", "path"));
  svg.firstChild.setAttribute("d", path);
  return svg;
}
const shield = () => icon("M12 3 5 6v5c0 4.6 3 8 7 10 4-2 7-5.4 7-10V6z");
const cross = () => icon("m6 6 12 12M18 6 6 18");
