// The page that puts the overlay's address together.
import {positions} from "./floating.js";
import {bounds, emojisOf, fragment, read} from "./overlay-parameters.js";

const $ = id => document.getElementById(id);
const form = $("form"), preview = $("preview"), stage = $("stage");
const overlay = new URL("../overlay", location.href);
overlay.hash = overlay.search = "";
const names = {
  "full": "everywhere", "bottom": "bottom", "top": "from the top", "left": "left", "right": "right",
  "bottom-left": "bottom left", "bottom-right": "bottom right", "top-left": "top left", "top-right": "top right",
};
const favourites = ["🔥", "❤️", "👏", "😂", "🎉", "😮", "👍", "💯", "🙏", "😍", "🤔", "😢"]; // until the server has told its own

offerPositions();
offerEmojis(favourites, {});
fill();
let touched = false;
form.addEventListener("input", () => { touched = true; update(); });
form.addEventListener("submit", event => event.preventDefault());
for (const id of ["ground", "scene", "live"]) $(id).addEventListener("input", update);
$("copy").addEventListener("click", copy);
$("address").addEventListener("focus", () => $("address").select());
new ResizeObserver(fit).observe(stage.parentElement);
addEventListener("resize", fit);
update();
learn();

// Asks the server for its emojis and channels.
async function learn() {
  try {
    const answer = await fetch(new URL("../v1/config", location.href));
    if (!answer.ok) return;
    const config = await answer.json();
    if (config.palette.length > 0) offerEmojis(config.palette, config.names ?? {});
    $("channels").replaceChildren(...config.channels.filter(c => !c.includes("*")).map(c => new Option(c)));
    if (!touched) fill();
    update();
  } catch {
    // The page works without.
  }
}

function offerPositions() {
  $("position").replaceChildren(...Object.entries(positions).map(([position, {left, width, height, falls}]) => {
    const label = document.createElement("label"), input = document.createElement("input"), face = document.createElement("span");
    Object.assign(input, {type: "radio", name: "position", value: position, checked: position === "full"});
    const screen = document.createElement("i"), part = document.createElement("b");
    part.style.left = `${left * 100}%`;
    part.style.width = `${width * 100}%`;
    part.style.height = `${height * 100}%`;
    part.style[falls ? "top" : "bottom"] = "0";
    screen.append(part);
    face.append(screen, names[position]);
    label.append(input, face);
    return label;
  }));
}

function offerEmojis(palette, namesOf) {
  const before = new Set(chosen());
  $("palette").replaceChildren(...palette.map(emoji => {
    const label = document.createElement("label"), input = document.createElement("input"), face = document.createElement("span");
    Object.assign(input, {type: "checkbox", value: emoji, checked: before.has(emoji)});
    input.setAttribute("aria-label", namesOf[emoji] ?? emoji);
    label.title = namesOf[emoji] ?? "";
    face.textContent = emoji;
    label.append(input, face);
    return label;
  }));
}

function chosen() { return [...$("palette").querySelectorAll("input:checked")].map(input => input.value); }
function density() { return Math.min(bounds.density[1], Math.max(bounds.density[0], Number((10 ** (Number($("density").value) / 16)).toPrecision(2)))); }

// What the form says.
function entries() {
  const value = name => String(form.elements[name].value);
  return [
    ["channel", value("channel")], ["emojis", [...chosen(), ...emojisOf($("emojis").value)].join(",")], ["size", value("size")], ["density", String(density())],
    ["position", value("position")], ["motion", value("motion")], ["token", value("token")], ["server", value("server")],
  ];
}

// Fills the form from this page's own fragment, if it has one: so a setup can be changed later.
function fill() {
  if (location.hash.length < 2) return;
  const {options} = read(new URLSearchParams(location.hash.slice(1)));
  const e = form.elements;
  for (const name of ["channel", "size", "position", "motion", "token", "server"]) e[name].value = options[name];
  $("density").value = Math.round(Math.log10(options.density) * 16);
  const rest = options.emojis.filter(emoji => {
    const box = [...$("palette").querySelectorAll("input")].find(input => input.value === emoji);
    if (box) box.checked = true;
    return !box;
  });
  $("emojis").value = rest.join(" ");
}

function update() {
  const {options, faults} = read(entries());
  overlay.hash = fragment(options);
  $("address").value = overlay.href;
  $("faults").textContent = faults.join("\n");
  $("secret").hidden = !options.token;
  $("size-said").textContent = `${options.size} px`;
  $("density-said").textContent = options.density === 1 ? "as the server says" : `${options.density} times`;
  $("emojis-said").textContent = options.emojis.length > 0 ? `(${options.emojis.length})` : "(all, unless you choose some)";
  $("scene-said").textContent = $("scene").value.replace("x", " and ");
  stage.dataset.ground = $("ground").value;
  const shown = new URL(overlay);
  shown.hash = fragment({...options, demo: !$("live").checked});
  show(shown.href);
  fit();
}

// Changes the fragment of the preview, which follows without being loaded anew.
function show(address) {
  if (preview.dataset.shown === address) return;
  preview.dataset.shown = address;
  if (preview.src) preview.contentWindow.location.replace(address);
  else preview.src = address;
}

function fit() {
  const [width, height] = $("scene").value.split("x").map(Number);
  const most = Math.max(220, innerHeight * 0.62);
  const scale = Math.min(stage.parentElement.clientWidth - 40, most * width / height) / width;
  stage.style.width = `${width * scale}px`;
  stage.style.height = `${height * scale}px`;
  preview.style.width = `${width}px`;
  preview.style.height = `${height}px`;
  preview.style.transform = `scale(${scale})`;
}

async function copy() {
  const field = $("address");
  let copied = true;
  try {
    await navigator.clipboard.writeText(field.value);
  } catch { // on plain HTTP there is no clipboard
    field.select();
    copied = document.execCommand("copy");
  }
  $("said").textContent = copied ? "Copied. Paste it into the URL of a browser source." : "Select the address, and copy it by hand.";
}
