#!/usr/bin/env bash
# Kills the digits sweep (SIGKILL) at random moments, resumes it each time, on 1 and 2 workers in turn, and compares results and
# best weights with those of an uninterrupted run.
#
#   scripts/kill-test.sh [KILLS] [SEED]
set -euo pipefail
cd "$(dirname "$0")/.."
kills=${1:-50}
RANDOM=${2:-1}
cargo build --release --example digits
digits=target/release/examples/digits
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
options=(--max-epochs 81 --seed 3)

"$digits" "${options[@]}" --repo-dir "$out/whole" >"$out/log" 2>&1

killed=0 starts=0
while ((killed < kills)); do
    workers=$((1 + starts % 2))
    starts=$((starts + 1))
    "$digits" "${options[@]}" --workers "$workers" --repo-dir "$out/killed" >>"$out/log" 2>&1 &
    process=$!
    # 20 to 80 ms: long enough to open the repository and train a little
    sleep "0.0$((20 + RANDOM % 60))"
    if kill -KILL "$process" 2>/dev/null; then
        killed=$((killed + 1))
    fi
    wait "$process" 2>/dev/null && { echo "the sweep ended after $killed kills, before there were $kills"; break; }
done
"$digits" "${options[@]}" --repo-dir "$out/killed" >>"$out/log" 2>&1

cmp "$out/whole/results.ron" "$out/killed/results.ron"
diff -r "$out/whole/weights" "$out/killed/weights"
echo "$killed kills: results.ron and the best weights are the same bytes"
