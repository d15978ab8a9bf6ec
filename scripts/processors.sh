#!/usr/bin/env bash
# Trains the same studies of the digits (dense, and with convolutions) on this processor and on an emulated one with narrower vectors
# (Haswell: AVX2 and FMA), and compares results.ron, line by line, and the best weights, byte by byte. Needs qemu-x86_64 (Debian's
# package qemu-user).
#
#   scripts/processors.sh [MAX_EPOCHS]
set -euo pipefail
cd "$(dirname "$0")/.."
max_epochs=${1:-9}
command -v qemu-x86_64 >/dev/null || { echo "qemu-x86_64 is missing: apt-get install qemu-user" >&2; exit 2; }
if [ -z "${DIGITS:-}" ]; then
    cargo build --release --example digits
    DIGITS=target/release/examples/digits
fi
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

grep -q avx512f /proc/cpuinfo || echo "Note: this processor has no AVX-512, so both have vectors of one width" >&2
differ=0
for model in dense conv; do
    options=(--model "$model" --max-epochs "$max_epochs" --seed 3 --no-signals)
    "$DIGITS" "${options[@]}" --repo-dir "$out/here-$model" >"$out/log" 2>&1 || { cat "$out/log" >&2; exit 1; }
    # programs cannot see a processor's wider vectors there
    qemu-x86_64 -cpu Haswell "$DIGITS" "${options[@]}" --repo-dir "$out/there-$model" >"$out/log" 2>&1 || { cat "$out/log" >&2; exit 1; }
    lines=$(wc -l <"$out/here-$model/results.ron")
    different=$(diff --speed-large-files "$out/here-$model/results.ron" "$out/there-$model/results.ron" | grep -c '^[<]' || true)
    weights="the best weights are the same bytes"
    diff -rq "$out/here-$model/weights" "$out/there-$model/weights" >/dev/null || weights="the best weights differ"
    echo "$model: $different of $lines lines of results.ron differ, $weights"
    cmp -s "$out/here-$model/results.ron" "$out/there-$model/results.ron" && [ "$weights" = "the best weights are the same bytes" ] || differ=1
done
exit $differ
