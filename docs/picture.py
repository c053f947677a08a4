#!/usr/bin/env python3
"""Makes docs/tui.svg, an animated picture of emostream tui in a crowd: docs/picture.py PROGRAM OUT.svg. See make picture.

It runs the program in tmux, presses keys, and copies what the screen shows a few times a second. The picture needs no
script and no font of its own: borders and bars are drawn as shapes, emojis and words as text in the reader's own fonts.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
import unicodedata
from xml.sax.saxutils import escape

COLUMNS, ROWS = 100, 30
FPS = 7
INK, PAPER = "#d5dbe6", "#1b202a"  # the colours of text and window where the program sets none
WIDE, HIGH = 12, 24  # the size of a cell in the picture

# What is drawn as a shape. Blocks: x, y, width and height in cells. Lines: where they begin, and how they go on.
BLOCKS = {"█": (0, 0, 1, 1)}
BLOCKS |= {char: (0, 1 - i / 8, 1, i / 8) for i, char in enumerate("▁▂▃▄▅▆▇", 1)}
BLOCKS |= {char: (0, 0, i / 8, 1) for i, char in enumerate("▏▎▍▌▋▊▉", 1)}
LINES = {
    "─": (0, 12, "h12"),
    "│": (6, 0, "v24"),
    "╭": (6, 24, "v-6q0-6 6-6"),
    "╮": (6, 24, "v-6q0-6-6-6"),
    "╰": (6, 0, "v6q0 6 6 6"),
    "╯": (6, 0, "v6q0 6-6 6"),
}
ALONE = {"emoji", *"▏▎▍▌▋▊▉│╭╮╰╯"}  # what is not drawn together with the same beside it


def main():
    program, out = os.path.abspath(sys.argv[1]), sys.argv[2]
    frames = [parse_screen(screen) for screen in record(program)]
    picture = draw(frames)
    with open(out, "w", encoding="utf-8") as file:
        file.write(picture)
    print(f"{out}: {len(frames)} frames, {len(picture.encode()) // 1000} KB")


def record(program):
    """Plays the scene and returns the screens, FPS for each second, as tmux writes them."""
    with tempfile.TemporaryDirectory() as folder:
        tmux = ["tmux", "-u", "-S", f"{folder}/tmux", "-f", "/dev/null"]
        quiet = {"stderr": subprocess.DEVNULL, "text": True}
        up = subprocess.Popen([program, "up", "--ephemeral", "--port", "0"], stdout=subprocess.PIPE, **quiet)
        running = [up]

        def screen():
            return subprocess.run([*tmux, "capture-pane", "-p", "-e"], check=True, capture_output=True, text=True).stdout

        def press(key):
            subprocess.run([*tmux, "send-keys", key], check=True)

        def crowd(emoji, count, rate):
            send = [program, "send", "--server", server, "--rate", str(rate)]
            running.append(subprocess.Popen(send, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, **quiet))
            running[-1].stdin.write(f"{emoji}\n" * count)
            running[-1].stdin.close()

        def play(seconds, *scene):
            """Does what the scene says at each of its seconds, and copies the screen all the while."""
            screens, began, scene = [], time.monotonic(), list(scene)
            while len(screens) < seconds * FPS:
                time.sleep(max(0, began + (len(screens) + 0.5) / FPS - time.monotonic()))
                screens.append(screen())
                while scene and scene[0][0] <= len(screens) / FPS:
                    _, do, *args = scene.pop(0)
                    do(*args)
            return screens

        try:
            server = next(line.split()[1] for line in up.stdout if line.startswith("ready "))
            tui = ["env", "TERM=xterm-256color", "COLORTERM=truecolor", "LC_ALL=C.UTF-8"]
            tui += [program, "tui", "--server", server, "--theme", "dark", "--fps", str(FPS)]
            subprocess.run([*tmux, "new-session", "-d", "-x", str(COLUMNS), "-y", str(ROWS), *tui], check=True)
            while "● live" not in screen():
                time.sleep(0.1)
            for emoji, rate in ("🔥", 45), ("😂", 30), ("💖", 21), ("🎉", 13), ("👍", 9), ("😮", 4):
                crowd(emoji, 60 * rate, rate)
            # What comes before the picture gives its chart a past.
            play(16, (2, crowd, "😂", 60, 20), (7, crowd, "🔥", 250, 60), (11, crowd, "💖", 120, 60))
            # The picture begins when the program has just drawn, so that no frame is missed and none is taken twice.
            before = screen()
            while screen() == before:
                pass
            return play(
                11.5,
                *((1.0, press, "1"), (1.3, press, "1"), (1.6, press, "4"), (1.8, press, "4"), (2.2, crowd, "🎉", 200, 80)),
                *((4.0, press, "/"), *((4.3 + i / 7, press, key) for i, key in enumerate("rocket")), (5.6, press, "Enter")),
                (8.0, press, "i"),
            )
        finally:
            subprocess.run([*tmux, "kill-server"], check=False, stderr=subprocess.DEVNULL)
            for process in running:
                process.terminate()
                process.wait()


def parse_screen(screen):
    """Turns a screen into rows of cells: column, width, character, style. Empty cells are left out."""
    rows, style = [], {}
    for line in screen.split("\n")[:ROWS]:
        row, column = [], 0
        for codes, char in re.findall(r"\x1b\[([\d;]*)m|([^\x1b])", line):
            if not char:
                change_style(style, codes)
            elif unicodedata.combining(char) or char in "\ufe0f\u200d":
                row[-1][2] += char
            else:
                width = 2 if unicodedata.east_asian_width(char) in "WF" else 1
                row.append([column, width, char, (style.get("ink", INK), style.get("paper"), style.get("bold", False))])
                column += width
        rows.append([tuple(cell) for cell in row if cell[2] != " " or cell[3][1]])
    return rows


def change_style(style, codes):
    """Obeys the numbers of an escape sequence that sets colours and weight."""
    for colour, rgb, code in re.findall(r"([34])8;2;(\d+;\d+;\d+)|(\d+)", codes or "0"):
        if rgb:
            style["ink" if colour == "3" else "paper"] = "#%02x%02x%02x" % tuple(map(int, rgb.split(";")))
        elif code == "0":
            style.clear()
        elif code in ("1", "22"):
            style["bold"] = code == "1"
        elif code in ("39", "49"):
            style.pop("ink" if code == "39" else "paper", None)
        else:
            raise ValueError(f"a style that this script does not draw: {codes}")


def draw(frames):
    """Returns the picture.

    What is on the screen for more than a second is there once, in a group that is shown when it should be. All else is in
    a strip of frames, one beside the other, which moves on by one frame at a time.
    """
    styles, frames_of = {}, {}
    for i, screen in enumerate(frames):
        for y, row in enumerate(screen):
            for drawing in draw_row(y * HIGH, row, styles):
                frames_of.setdefault(drawing, []).append(i)
    groups, strip = {}, [""] * len(frames)
    for drawing, numbers in frames_of.items():
        if len(numbers) > FPS:
            groups[tuple(numbers)] = groups.get(tuple(numbers), "") + drawing
            continue
        for i in numbers:
            strip[i] += drawing

    width, height, body = COLUMNS * WIDE, ROWS * HIGH, ""
    css = "".join(f".{name}{{{rule}}}" for rule, name in styles.items())
    for name, (numbers, drawings) in enumerate(groups.items()):
        css += f"@keyframes g{name}{{"
        for i in range(len(frames)):
            if i == 0 or (i in numbers) != (i - 1 in numbers):
                css += f"{i / len(frames):.4%}{{visibility:{'visible' if i in numbers else 'hidden'}}}"
        css += "}"
        body += f'<g style="animation-name:g{name}">{drawings}</g>'
    css += f"@keyframes strip{{to{{transform:translateX({-len(frames) * width}px)}}}}"
    body += f'<g style="animation-name:strip;animation-timing-function:steps({len(frames)})">'
    body += "".join(f'<g transform="translate({i * width})">{drawings}</g>' for i, drawings in enumerate(strip)) + "</g>"
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" width="{width + 40}" height="{height + 70}" viewBox="-20 -50 {width + 40} {height + 70}">
<style>
text{{font:19px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;text-anchor:middle}}
text[class]{{font-size:20px;text-anchor:start}}
rect{{shape-rendering:crispEdges}}
path{{fill:none;stroke-width:1.5}}
g{{animation:{len(frames) / FPS:.4f}s step-end infinite}}
@media(prefers-reduced-motion){{g{{animation-delay:{-20.5 / FPS:.2f}s;animation-play-state:paused}}}}
{css}
</style>
<rect x="-19" y="-49" width="{width + 38}" height="{height + 68}" rx="10" fill="{PAPER}" stroke="#8888" style="shape-rendering:auto"/>
<circle cx="6" cy="-26" r="7" fill="#ff5f58"/><circle cx="28" cy="-26" r="7" fill="#ffbd2e"/><circle cx="50" cy="-26" r="7" fill="#18c132"/>
<svg width="{width}" height="{height}">{body}</svg>
</svg>
"""


def draw_row(top, row, styles):
    """Yields the drawings of a row. Cells beside each other that look the same are one drawing."""
    runs = []
    for column, width, char, style in row:
        kind = "emoji" if width == 2 else char if char in BLOCKS or char in LINES or char == "░" else "text"
        left, right = column * WIDE, (column + width) * WIDE
        if runs and kind not in ALONE and runs[-1][:2] == [kind, style]:
            gap = " " * ((left - runs[-1][3]) // WIDE)
            if len(gap) <= (kind == "text"):
                runs[-1][3:] = right, runs[-1][4] + gap + char
                continue
        runs.append([kind, style, left, right, char])

    def style_class(rule):
        return styles.setdefault(rule, chr(ord("a") + len(styles)))

    def rect(x, y, width, height, colour):
        return f'<rect class="{style_class(f"fill:{colour}")}" x="{x:g}" y="{top + y:g}" width="{width:g}" height="{height:g}"/>'

    for kind, (ink, paper, bold), left, right, text in runs:
        drawing = rect(left, 0, right - left, HIGH, paper) if paper else ""
        if kind == "emoji":
            drawing += f'<text x="{left + WIDE}" y="{top + 18}">{text}</text>'
        elif kind in BLOCKS:
            x, y, width, height = BLOCKS[kind]
            drawing += rect(left + x * WIDE, y * HIGH, right - left - WIDE + width * WIDE, height * HIGH, ink)
        elif kind == "░":
            drawing += rect(left, 0, right - left, HIGH, ink + "60")
        elif kind in LINES:
            x, y, line = LINES[kind]
            line = f"h{right - left}" if kind == "─" else line
            drawing += f'<path class="{style_class(f"stroke:{ink}")}" d="M{left + x} {top + y}{line}"/>'
        elif text.strip():
            name = style_class(f"fill:{ink}" + (";font-weight:bold" if bold else ""))
            # In whatever font it is, it takes as much room as in a terminal.
            fit = f' textLength="{right - left}"' if len(text) > 1 else ""
            drawing += f'<text class="{name}" x="{left}" y="{top + 18}"{fit}>{escape(text)}</text>'
        if drawing:
            yield drawing


if __name__ == "__main__":
    main()
