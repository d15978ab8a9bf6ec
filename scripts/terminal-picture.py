"""Runs a program on a terminal of its own and draws what the terminal shows in the middle of it as SVG.

    terminal-picture.py FILE.svg [--columns 100] [--rows 24] --until SHARE -- PROGRAM ARGUMENT...

The picture is taken when the bar of all brackets has reached the share; the program then runs to its end.
"""

import argparse
import fcntl
import html
import os
import pty
import re
import struct
import sys
import termios

import pyte

COLOURS = {
    "default": "#d7dae0", "black": "#8a919e", "red": "#ff8585", "green": "#8fd694", "brown": "#e5c07b",
    "blue": "#82b1ff", "magenta": "#d8a0ff", "cyan": "#6fd3e0", "white": "#ffffff",
}
WIDTH, HEIGHT, MARGIN = 8.4, 19, 16


def start(program, rows, columns):
    """The program's process and our end of its terminal."""
    process, terminal = pty.fork()
    if process == 0:
        os.environ["TERM"] = "xterm-256color"
        os.execvp(program[0], program)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    return process, terminal


def share(screen):
    """How far the bar of all brackets is."""
    for line in screen.display:
        found = re.match(r"all brackets .*?(\d+)/(\d+) epochs", line)
        if found:
            return int(found[1]) / int(found[2])
    return 0


def runs(row, columns):
    """The pieces of a row that look alike, with where they begin."""
    pieces = []
    for column in range(columns):
        char = row[column]
        look = (char.fg, char.bold)
        if pieces and pieces[-1][1] == look:
            pieces[-1][2] += char.data
        else:
            pieces.append([column, look, char.data])
    return [(column, look, text.rstrip()) for column, look, text in pieces if text.strip()]


def svg(screen):
    # what the program printed before stays out of the picture
    view = next(number for number, line in enumerate(screen.display) if re.match(r"(bracket \d|all brackets)", line))
    rows = [number for number, line in enumerate(screen.display) if number >= view and line.strip()]
    first, last = rows[0], rows[-1]
    width, height = screen.columns * WIDTH + 2 * MARGIN, (last - first + 1) * HEIGHT + 2 * MARGIN
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" width="{width:.0f}" height="{height}" '
        'role="img" aria-label="A terminal with the live view of a sweep">',
        '<rect width="100%" height="100%" rx="8" fill="#1b1e25"/>',
        '<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, \'DejaVu Sans Mono\', monospace" font-size="14">',
    ]
    for number in range(first, last + 1):
        y = MARGIN + (number - first) * HEIGHT + 14
        for column, (colour, bold), text in runs(screen.buffer[number], screen.columns):
            x = MARGIN + column * WIDTH
            fill = COLOURS.get(colour, f"#{colour}" if re.fullmatch("[0-9a-f]{6}", colour) else COLOURS["default"])
            weight = ' font-weight="bold"' if bold else ""
            # the length keeps columns in place, whatever font there is
            lines.append(
                f'<text x="{x:.1f}" y="{y}" fill="{fill}"{weight} xml:space="preserve" '
                f'textLength="{len(text) * WIDTH:.1f}" lengthAdjust="spacingAndGlyphs">{html.escape(text)}</text>'
            )
    return "\n".join(lines + ["</g>", "</svg>", ""])


def main():
    own, program = sys.argv[1:sys.argv.index("--")], sys.argv[sys.argv.index("--") + 1:]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file")
    parser.add_argument("--columns", type=int, default=100)
    parser.add_argument("--rows", type=int, default=24)
    parser.add_argument("--until", type=float, required=True)
    options = parser.parse_args(own)
    process, terminal = start(program, options.rows, options.columns)
    screen = pyte.Screen(options.columns, options.rows)
    stream = pyte.ByteStream(screen)
    picture = None
    while True:
        try:
            data = os.read(terminal, 65536)
        except OSError:
            break
        if not data:
            break
        stream.feed(data)
        # a frame is whole when its last line is there
        is_whole = any(line.startswith("running ") for line in screen.display)
        if picture is None and is_whole and share(screen) >= options.until:
            picture = svg(screen)
    _, status = os.waitpid(process, 0)
    if status != 0 or picture is None:
        sys.exit(f"{program[0]} ended with {status}; the live view was {'seen' if picture else 'never whole'}")
    with open(options.file, "w", encoding="utf-8") as file:
        file.write(picture)


main()
