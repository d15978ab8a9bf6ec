"""Holds the outputs that README and the guides show against what the programs print, or writes them anew.

A block of a Markdown file is made by a program if the line before it is one of

    <!-- output: NAME -->      what PRODUCERS[NAME] gives
    <!-- commands: NAME -->    each line `$ command` is kept, and followed by what the command prints
    <!-- file: PATH -->        the code of that file, without the comments that it opens with

Times, rates and processes differ from run to run and are not compared; of what is seen in the middle of a run,
only which lines there always are. Nor are numbers and the order of trials compared on processors whose vectors
are not 512 bits wide: they add up in another order.
"""

import argparse
import difflib
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
FILES = [ROOT / "README.md", *sorted((ROOT / "hobbit/src/guide").glob("*.md"))]
BLOCK = re.compile(r"(<!-- (output|commands|file): (\S+) -->\n```[^\n]*\n)(.*?)(?=^```$)", re.M | re.S)
SECONDS = 120
COLUMNS = 110


class Programs:
    """The programs, and a directory in which they work."""

    def __init__(self, programs, place):
        self.programs = pathlib.Path(programs).resolve()
        self.place = pathlib.Path(place)
        self.finished = None

    def path(self, name):
        path = self.programs / name
        return str(path if path.exists() else self.programs / "examples" / name)

    def run(self, name, *arguments, code=0):
        """What a program prints on standard output, or on standard error if that is where its end is told."""
        ran = subprocess.run(
            [self.path(name), *arguments], cwd=self.place, capture_output=True, text=True, timeout=SECONDS,
            env={**os.environ, "NO_COLOR": "1", "COLUMNS": str(COLUMNS)},
        )
        if ran.returncode != code:
            raise SystemExit(f"{name} {' '.join(arguments)} ended with {ran.returncode}:\n{ran.stdout}{ran.stderr}")
        return ran.stderr if code else ran.stdout

    def followed(self):
        """What `hobbit status` says in the middle of a larger study, which is then kept as my_study."""
        if self.finished is None:
            self.finished = follow(self)
        return self.finished


def follow(programs):
    """What `hobbit status` says of a sweep that is held, a quarter of its way done, while it is looked at."""
    digits = [programs.path("digits"), "--max-epochs", "81", "--workers", "2", "--repo-dir", "./my_study"]
    sweep = subprocess.Popen(
        digits, cwd=programs.place, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    try:
        end = time.monotonic() + SECONDS
        while progress(programs) < 0.25 and sweep.poll() is None and time.monotonic() < end:
            time.sleep(0.01)
        if sweep.poll() is None:
            sweep.send_signal(signal.SIGSTOP)
        status = programs.run("hobbit", "status", "my_study")
        sweep.send_signal(signal.SIGCONT)
        errors = sweep.communicate(timeout=SECONDS)[1]
    finally:
        sweep.kill()
    if sweep.returncode != 0:
        raise SystemExit(f"digits with --max-epochs 81 ended with {sweep.returncode}:\n{errors}")
    if "running:" not in status:
        raise SystemExit(f"the sweep ended before it could be looked at:\n{status}")
    return status


def progress(programs):
    """How much of all epochs is trained; nothing before there is a study."""
    if not (programs.place / "my_study" / "journal.ron").exists():
        return 0
    epochs = json.loads(programs.run("hobbit", "status", "my_study", "--format", "json"))["epochs"]
    return epochs["trained"] / max(1, epochs["planned"])


def shortened(text, keep, rest, column="rank"):
    """The lines up to `keep` behind the table's head, an ellipsis, and those from the one that begins like `rest`."""
    lines = text.splitlines()
    head = next(i for i, line in enumerate(lines) if line.startswith(column + " "))
    kept = lines[: head + 1 + keep] + ["..."]
    if rest:
        kept += lines[next(i for i, line in enumerate(lines) if line.startswith(rest)) :]
    return "\n".join(kept) + "\n"


def digits(programs):
    return shortened(programs.run("digits", "--workers", "2"), 3, "Results: ")


def again(programs):
    """The second run of the same study, without its plan."""
    text = programs.run("digits", "--workers", "2")
    return shortened(text[text.index("49 trials on ") :], 1, "Results: ")


def other_seed(programs):
    return programs.run("digits", "--seed", "1", code=1)


PRODUCERS = {
    "digits": digits,
    "again": again,
    "other_seed": other_seed,
    "first_study": lambda programs: programs.run("first_study"),
}


def command(programs, words):
    """What a command of a console block prints; nothing for those that are not run."""
    if words == ["hobbit", "status", "my_study"]:
        return shortened(programs.followed(), 2, None, "bracket")
    if words[0] == "hobbit":
        if "my_study" in words:
            programs.followed()
        return programs.run("hobbit", *words[1:])
    return ""


def commands(programs, block):
    made = ""
    for line in block.splitlines():
        if line.startswith("$ "):
            made += line + "\n" + command(programs, line[2:].split(" #")[0].split()).rstrip()
            made = made.rstrip() + "\n"
    return made


def code(path):
    lines = (ROOT / path).read_text().splitlines(keepends=True)
    while lines and (lines[0].startswith("//!") or not lines[0].strip()):
        del lines[0]
    return "".join(lines)


def comparable(text, loosely):
    """What has to be the same in every run."""
    text = re.sub(r"\[[=> ]+\]", "[bar]", text)
    text = re.sub(r"process \d+ on \S+", "process on", text)
    text = re.sub(r"\b\d+ (a second|epochs/s)", r"\1", text)
    text = re.sub(r"\d+(\.\d+)? (ms|s|min|h)\b", "time", text)
    text = re.sub(r"remaining \d+ epochs", "remaining epochs", text)
    text = re.sub(r"on \d+ workers?", "on workers", text)
    if loosely:
        text = re.sub(r"\d[\d.e-]*", "#", text)
        text = re.sub(r"\b(Sigmoid|Tanh|Relu)\b", "Activation", text)
        text = re.sub(r"\b(finished|dropped after stage #)", "status", text)
        text = re.sub(r" -(?= |$)", " #", text, flags=re.M)
        text = re.sub(r"  +", " ", text)
    return text


def kinds(text):
    """The lines of a status that are there however far a run is, by how they begin."""
    begun = [line.split() for line in comparable(text, True).splitlines() if line.strip()]
    kept = {"$", "my_study:", "State", "Epochs", "Trials", "Best", "rank", "bracket"}
    return "\n".join(" ".join(words[:3]) for words in begun if words[0] in kept) + "\n"


def wide_vectors():
    """Whether sums are added up as on the machine that wrote the files."""
    try:
        return "avx512f" in pathlib.Path("/proc/cpuinfo").read_text()
    except OSError:
        return False


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--write", action="store_true", help="change the files")
    parser.add_argument("programs", help="the directory that has them")
    options = parser.parse_args()
    exact, differ, count = wide_vectors(), 0, 0
    if not exact:
        print("this processor adds up in another order than the one that wrote the files: numbers are not compared")
    with tempfile.TemporaryDirectory() as place:
        programs = Programs(options.programs, place)

        def made(match):
            nonlocal differ, count
            opening, kind, name, shown = match.groups()
            new = {
                "output": lambda: PRODUCERS[name](programs),
                "commands": lambda: commands(programs, shown),
                "file": lambda: code(name),
            }[kind]()
            new = "\n".join(line.rstrip() for line in new.splitlines()).strip("\n") + "\n"
            count += 1
            # what is seen in the middle of a run is never the same twice
            pair = [shown, new]
            if "$ hobbit status" in new:
                pair = [kinds(text) for text in pair]
            elif kind != "file":
                pair = [comparable(text, not exact) for text in pair]
            if options.write:
                return opening + new
            if pair[0] != pair[1]:
                differ += 1
                lines = difflib.unified_diff(*(text.splitlines() for text in pair), path.name, name, lineterm="")
                print("\n".join(lines))
            return match[0]

        for path in FILES:
            text = path.read_text()
            new = BLOCK.sub(made, text)
            if options.write and new != text:
                path.write_text(new)
    print(f"{count} blocks written" if options.write else f"{count} blocks, {differ} differ")
    if differ:
        print("scripts/outputs.sh --write changes the files")
        return 1
    return 0 if count else "no block was found"


if __name__ == "__main__":
    sys.exit(main())
