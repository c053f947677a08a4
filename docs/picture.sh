#!/usr/bin/env bash
# Records emostream tui in a crowd, as an animated picture: docs/picture.sh PROGRAM TOOLS OUT.svg, where TOOLS is a folder
# with asciinema (of pip) in bin and svg-term (of npm) in node_modules. It needs tmux, too. See make picture.
set -euo pipefail
program=$(realpath "$1") tools=$(realpath "$2") out=$3
columns=100 rows=30
work=$(mktemp -d)
running=()
trap 'kill "${running[@]}" 2>/dev/null || true; tmux -S "$work/tmux" kill-server 2>/dev/null || true; rm -rf "$work"' EXIT

"$program" up --ephemeral --port 0 >"$work/ready" 2>"$work/log" &
running+=($!)
until grep -q ^ready "$work/ready"; do sleep 0.1; done
server=$(cut -d' ' -f2 "$work/ready")

# crowd EMOJI RATE taps one emoji for as long as the picture lasts.
crowd() {
	yes "$1" | head -n 100000 | "$program" send --server "$server" --rate "$2" >/dev/null 2>&1 &
	running+=($!)
}
crowd 🔥 70 && crowd 😂 32 && crowd 💖 21 && crowd 🎉 13 && crowd 👍 9 && crowd 😮 4

press() { tmux -S "$work/tmux" send-keys "$@"; }
type() {
	local i
	for ((i = 0; i < ${#1}; i++)); do press "${1:i:1}" && sleep 0.18; done
}
# The recorder needs a terminal, and this script needs one to type in.
tmux -u -S "$work/tmux" -f /dev/null new-session -d -x "$columns" -y "$rows" \
	env TERM=xterm-256color COLORTERM=truecolor LC_ALL=C.UTF-8 "$tools/bin/asciinema" rec --quiet --overwrite --cols "$columns" --rows "$rows" \
	--command "$program tui --server $server --theme dark --fps 7" "$work/tui.cast"
until tmux -S "$work/tmux" capture-pane -p | grep -q '● live'; do sleep 0.1; done
sleep 5
type 1144 && sleep 2.5
press / && sleep 0.4 && type rocket && sleep 0.5 && press Enter && sleep 2.2
press i && sleep 2.5
press q
until [[ $(tail -c 200 "$work/tui.cast") == *1049l* ]]; do sleep 0.1; done
# Svg-term takes what sets the keyboard for underlining. What is before the first windows is left out.
sed -i 's/\\u001b\[>[0-9;]*[mu]//g' "$work/tui.cast"
"$tools/node_modules/.bin/svg-term" --in "$work/tui.cast" --out "$out" --window --no-cursor --from 3500
