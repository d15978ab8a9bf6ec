#!/usr/bin/env bash
# Builds the examples that tune models of other libraries, and runs each twice: a study, and the same study
# again, which trains nothing. Each is a crate of its own with a lock file of its own, which has to suit hobbit's
# dependencies, whether or not the library is named.
#
#   scripts/libraries.sh [R] [LIBRARY]...     R is 9 unless given; every library unless some are named
set -euo pipefail
cd "$(dirname "$0")/.."

size=${1:-9}
libraries=("${@:2}")
((${#libraries[@]})) || libraries=(linfa candle burn)
# that of the workspace: most dependencies are there already
target=${CARGO_TARGET_DIR:-$PWD/target}
study=$(mktemp -d)
trap 'rm -rf "$study"' EXIT

for manifest in examples/*/Cargo.toml fuzz/Cargo.toml; do
    cargo update --quiet --workspace --locked --manifest-path "$manifest"
done
for library in "${libraries[@]}"; do
    echo "== $library"
    CARGO_TARGET_DIR=$target cargo build --locked --manifest-path "examples/$library/Cargo.toml"
    first=$("$target/debug/tune-$library" "$study/$library" "$size")
    printf '%s\n' "$first"
    again=$("$target/debug/tune-$library" "$study/$library" "$size")
    grep -q "are not trained again" <<<"$again" || { echo "the second run of $library trained again" >&2; exit 1; }
    # what was loaded from the repository is the same
    [[ $(tail -n 1 <<<"$first") == "$(tail -n 1 <<<"$again")" ]] || { echo "$library: another best model" >&2; exit 1; }
done
