#!/usr/bin/env python3
"""Makes an environment for each tool and runs all of them on the tables, with the protocol of `search-bench`.

    benches/peers/search/run.py --tables DIR --out FILE.csv [--tools optuna,dehb] [what the adapter takes]

Whatever it does not know goes to the tools: --lookahead 1 4, --seeds 30, --epochs 2000, --only TEXT, --processes 2,
--skip syne-tune-asha+cqr syne-tune-asha+bore (which fit a model for every proposal, and take hours). A tool that does
not install, or fails, is reported with its error, and the others run all the same.
"""

import argparse
import pathlib
import subprocess
import sys
import venv

HERE = pathlib.Path(__file__).resolve().parent
TOOLS = ["optuna", "hpbandster", "dehb", "syne-tune", "smac"]


def environment(directory, tool):
    """The Python of a tool's environment, made where it is not there."""
    place = directory / tool
    python = place / "bin" / "python"
    if not python.exists():
        venv.create(place, with_pip=True)
    requirements = HERE / f"requirements-{tool}.txt"
    command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", requirements]
    subprocess.run(command, check=True, capture_output=True, text=True)
    return python


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--tools", default=",".join(TOOLS), help=f"some of {', '.join(TOOLS)}")
    parser.add_argument("--environments", type=pathlib.Path, default=pathlib.Path("target/search-peers"))
    arguments, rest = parser.parse_known_args()
    tools = arguments.tools.split(",")
    if unknown := [tool for tool in tools if tool not in TOOLS]:
        parser.error(f"no such tool: {', '.join(unknown)}; there are {', '.join(TOOLS)}")
    failures = []
    for tool in tools:
        try:
            python = environment(arguments.environments, tool)
            program = HERE / f"{tool.replace('-', '_')}_search.py"
            command = [python, program, "--tables", arguments.tables, "--out", arguments.out, *rest]
            subprocess.run(command, check=True, stderr=subprocess.PIPE, text=True)
        except subprocess.CalledProcessError as error:
            last = "\n".join((error.stderr or "").strip().splitlines()[-5:])
            failures.append(f"{tool}: {' '.join(map(str, error.cmd))}\n{last}")
            print(f"{tool} failed", file=sys.stderr)
    for failure in failures:
        print(failure, file=sys.stderr)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
