// What can be said of how a crowd is shown: by the overlay's address, by the attributes of <emostream-crowd>, and in the form
// of /overlay/setup.
import {positions} from "./floating.js";

export const defaults = Object.freeze({channel: "main", emojis: Object.freeze([]), size: 64, density: 1, position: "full", motion: "auto", token: "", server: "", demo: false});

/** The bounds of the numbers. */
export const bounds = Object.freeze({size: [12, 400], density: [0.05, 20]});

/** Reads parameters by name. faults says in English what is wrong with them; what is wrong has its default. */
export function read(entries) {
  const options = {...defaults}, faults = [];
  for (const [name, text] of entries) {
    const value = text.trim();
    const reader = Object.hasOwn(readers, name) && readers[name];
    if (!reader) {
      faults.push(`${short(name)}: there is no such parameter`);
      continue;
    }
    if (value === "" && name !== "demo") continue;
    const {is, fault} = reader(value);
    if (fault) faults.push(`${name}: ${fault}`);
    if (is !== undefined) options[name] = is;
  }
  return {options, faults};
}

const readers = {
  channel: value => /^[A-Za-z0-9._-]{1,64}$/.test(value) ? {is: value} : {fault: `“${short(value)}” is no channel: 1 to 64 of A-Z a-z 0-9 . _ -`},
  emojis(value) {
    const all = emojisOf(value);
    const wrong = all.filter(e => /^[\x21-\x7e]+$/.test(e) || /^\p{L}/u.test(e));
    const fault = wrong.length > 0 ? `“${short(wrong[0])}” is no emoji` : all.length > 50 ? "more than 50" : undefined;
    return {is: all.filter(e => !wrong.includes(e)).slice(0, 50), fault};
  },
  size: value => number(value, "size"),
  density: value => number(value, "density"),
  position: value => oneOf(value, Object.keys(positions)),
  motion: value => oneOf(value, ["auto", "full", "reduced"]),
  token: value => ({is: value}),
  server(value) {
    let url;
    try {
      url = new URL(value);
    } catch {
      return {fault: `“${short(value)}” is no address, such as https://emostream.example.com`};
    }
    return /^https?:$/.test(url.protocol) ? {is: url.href} : {fault: `“${short(value)}” is neither http nor https`};
  },
  demo: value => ({is: !/^(0|false|no|off)$/i.test(value)}),
};

function number(value, name) {
  const [least, most] = bounds[name], n = Number(value);
  if (!Number.isFinite(n)) return {fault: `“${short(value)}” is no number`};
  return n < least || n > most ? {is: Math.min(most, Math.max(least, n)), fault: `${short(value)} is not between ${least} and ${most}`} : {is: n};
}

function oneOf(value, all) {
  return all.includes(value) ? {is: value} : {fault: `“${short(value)}” is none of ${all.join(", ")}`};
}

const short = text => text.length > 40 ? text.slice(0, 40) + "…" : text;

/** The emojis of a text, which stand one after another, or have commas or blanks between them. */
export function emojisOf(text) {
  const parts = text.split(/[\s,]+/).filter(Boolean);
  if (!Intl.Segmenter) return parts;
  const graphemes = new Intl.Segmenter("en", {granularity: "grapheme"});
  const all = parts.flatMap(part => /^[\x21-\x7e]+$/.test(part) ? [part] : Array.from(graphemes.segment(part), s => s.segment));
  return [...new Set(all)];
}

/** The fragment that says so, without what is as it is by default. */
export function fragment(options) {
  const query = new URLSearchParams();
  for (const name of Object.keys(defaults)) {
    const value = options[name];
    if (value === undefined || name === "demo") continue;
    if (name === "emojis" ? value.length > 0 : value !== defaults[name]) query.set(name, name === "emojis" ? value.join(",") : String(value));
  }
  let text = query.toString().replaceAll("%2C", ",").replaceAll("%3A", ":").replaceAll("%2F", "/");
  if (options.demo) text = text ? "demo&" + text : "demo";
  return text ? "#" + text : "";
}
