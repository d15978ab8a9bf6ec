#!/usr/bin/env bash
# Holds what README and the guides show against what the programs print; fails where they differ.
#
#   scripts/outputs.sh [--write] [DIR]
#
# With --write all of them are made anew instead, times and rates, too. DIR has the programs, with the examples in a directory of that
# name; without it they are built: README shows what a release build prints.
set -euo pipefail
cd "$(dirname "$0")/.."

write=()
if [[ ${1:-} == --write ]]; then
    write=(--write)
    shift
fi
if [[ -n ${1:-} ]]; then
    programs=$1
else
    cargo build --release --workspace --features hobbit/full,hobbit-cli/predict --bin hobbit --example digits --example first_study
    programs=${CARGO_TARGET_DIR:-target}/release
fi
python3 scripts/outputs.py "${write[@]}" "$programs"
