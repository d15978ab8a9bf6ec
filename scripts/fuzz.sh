#!/usr/bin/env bash
# Fuzzes every reader of files: scripts/fuzz.sh [SECONDS for each target] [TARGET ...]
#
# A line for each target: how many inputs, and what was found. Fails on a panic, on an input that takes more
# than 2 s or 256 MB. Inputs that were found are in fuzz/artifacts; those that reach something new are kept in
# fuzz/corpus for the next time. It needs cargo-fuzz (cargo install cargo-fuzz). No sanitizer is used, so any
# toolchain will do: the readers have no unsafe code, and memory is counted.
set -euo pipefail
cd "$(dirname "$0")/../fuzz"
seconds=${1:-20}
shift || true
targets=("$@")
((${#targets[@]})) || mapfile -t targets < <(cargo fuzz list)

# files in memory where that is possible; the fuzzer ends without tidying up
TMPDIR=$(mktemp -d -p /dev/shm 2>/dev/null || mktemp -d)
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT

cargo fuzz build --sanitizer none
found=0
total=0
for target in "${targets[@]}"; do
    mkdir -p "corpus/$target" "seeds/$target"
    log=$(mktemp)
    status=0
    # the limit of memory is of the whole process: what an input takes is counted by the target itself
    cargo fuzz run --sanitizer none "$target" "corpus/$target" "seeds/$target" -- \
        -max_total_time="$seconds" -timeout=2 -rss_limit_mb=1024 -max_len=4096 -dict="$PWD/words.dict" \
        -print_final_stats=1 >"$log" 2>&1 || status=$?
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log" | tail -1)
    total=$((total + ${runs:-0}))
    if ((status == 0)); then
        printf '%-14s %9d inputs, nothing found\n' "$target" "${runs:-0}"
    else
        found=$((found + 1))
        printf '%-14s %9d inputs, FOUND: %s\n' "$target" "${runs:-0}" \
            "$(grep -m1 -E 'panicked at|ERROR: libFuzzer|error:' "$log" || echo "status $status")"
        grep -m1 -A1 'panicked at' "$log" | tail -1 | cut -c1-300 || true
        sed -n 's/.*Test unit written to .*fuzz\/artifacts\//in fuzz\/artifacts\//p' "$log" | awk 'NR == 1'
    fi
    rm -f "$log"
done
echo "$total inputs, $found targets with finds"
((found == 0))
