// The overlay: a transparent page for OBS and big screens, with the crowd's emojis and nothing else. Its fragment says what it
// shows (see overlay-parameters.js). With #demo it needs no server, and tells on the page what is wrong with the fragment.
import {connect as connectToServer} from "./emostream.js";
import {FloatingCrowd} from "./floating.js";
import {read} from "./overlay-parameters.js";

const floating = new FloatingCrowd(document.querySelector("#crowd"), {own: "#fff"});
const message = document.querySelector("#message");
let crowd, connection = "", told = "";

async function begin() {
  const {options, faults} = read(new URLSearchParams(location.hash.slice(1)));
  for (const fault of faults) console.warn(`Emostream overlay: ${fault}`);
  say(options.demo ? faults.join("\n") : "");
  const {emojis, size, density, position, motion, channel, token, server, demo} = options;
  floating.set({emojis, size, density, position, motion});

  const wanted = JSON.stringify([channel, token, server, demo, demo && emojis]);
  if (wanted === connection) return; // only the looks have changed
  connection = wanted;
  crowd?.close();
  crowd = undefined;
  floating.clear();
  const connect = demo ? (await import("./demo.js")).connect : connectToServer;
  if (wanted !== connection) return; // the fragment has changed meanwhile
  const one = crowd = connect({channel, emojis, ...token && {token}, ...server && {server}});
  one.addEventListener("swarm", event => floating.swarm(event.detail));
  one.addEventListener("state", event => one === crowd && tell(event.detail));
  tell(one.state);
}

// Writes each change to the console, where OBS's log has it: the audience sees emojis only.
function tell(state) {
  const text = [state.connection, state.channel.state, state.code, state.error].filter(Boolean).join(" ");
  if (text !== told) console.info(`Emostream overlay: ${text}`);
  told = text;
  document.documentElement.dataset.connection = state.connection;
}

function say(text) {
  message.textContent = text;
  message.hidden = text === "";
}

addEventListener("hashchange", begin);
begin();
