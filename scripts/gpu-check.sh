#!/usr/bin/env bash
# Everything that can only be seen with an NVIDIA GPU. The figures go to DIR/gpu.md (default: target/gpu-check), to be kept in docs/gpu.md.
#
#   scripts/gpu-check.sh [DIR]
#
#   MNIST=DIR     the directory with MNIST's four files; without it the sweeps of MNIST are left out
#   PYTHON=FILE   an interpreter that has torch with CUDA; without it the comparison with PyTorch is left out
#   REFERENCE=cpu compares the processor with itself: to try this script without a GPU
#
# Needs a toolkit, or what scripts/cuda-toolkit.sh makes, and the driver. A step that fails ends it. What was in DIR before is removed, if
# it is of this script.
set -Eeuo pipefail
out=$(realpath -m "${1:-$(dirname "$0")/../target/gpu-check}")
cd "$(dirname "$0")/.."
mkdir -p "$out"
report=$out/gpu.md
if [[ -n $(ls -A "$out") && ! -f $report ]]; then
    echo "$out has files that are not of this script: name another directory" >&2
    exit 1
fi
rm -rf "${out:?}"/*
gpu=${REFERENCE:-cuda}
features=()
[[ $gpu == cpu ]] || features=(--features cuda)

say() { printf '%s\n' "$@" | tee -a "$report"; }
value() { sed -nE "s/^.*accuracy ([0-9.]+)\$/\1/p" "$1" | tail -n 1; }
trap 'say "" "Failed at: $BASH_COMMAND"; tail -n 20 "$(ls -t "$out"/*.txt 2>/dev/null | head -n 1)" 2>/dev/null || true' ERR
seconds() { awk -v from="$1" -v to="$(date +%s.%N)" 'BEGIN { printf "%.2f", to - from }'; }

say "Device: $(nvidia-smi --query-gpu=name,driver_version --format=csv,noheader 2>/dev/null || echo none), $(nproc) cores"
cargo build --release -p hobbit "${features[@]}" --example digits --example mnist
digits=target/release/examples/digits
mnist=target/release/examples/mnist

say "" "## One step on the GPU and on the processor" ""
cargo test --release -p hobbit "${features[@]}" --lib train::tape
say "All layers and optimizers agree within 1e-4, and each loads what the other saved; batches are gathered on the device."

say "" "## A batch gathered on the device, and sent to it" "" '```'
cargo test --release -p hobbit "${features[@]}" --lib the_time_of_a_batch -- --nocapture | grep ' us' | tee -a "$report"
say '```'

say "" "## Sweeps" "" "| sweep | seed | accuracy, cpu | accuracy, $gpu | seconds, cpu | seconds, $gpu |" "|---|---|---|---|---|---|"
sweep() { # name seed program...
    local name=$1 seed=$2 row="| $1 | $2 |" times="" device start
    shift 2
    for device in cpu "$gpu"; do
        start=$(date +%s.%N)
        "$@" --seed "$seed" --device "$device" --repo-dir "$out/$name-$seed-$device" >"$out/$name-$seed-$device.txt" 2>&1
        times+=" $(seconds "$start") |"
        row+=" $(value "$out/$name-$seed-$device.txt") |"
        [[ $gpu != cpu ]] || rm -rf "$out/$name-$seed-$device"
    done
    say "$row$times"
}
for seed in 0 1 2; do
    sweep digits "$seed" "$digits"
done
if [[ -n ${MNIST:-} ]]; then
    for kind in dense conv; do
        sweep "mnist-$kind" 0 "$mnist" --model "$kind" --data "$MNIST"
    done
fi

say "" "## Epochs a second by concurrent trials on one GPU" "" "With the start of the program; 1902 epochs of digits, 1437 samples in batches of 32." "" \
    "| workers | epochs/s | ms an epoch and worker | results.ron as with one worker |" "|---|---|---|---|"
for workers in 1 2 4 8 16; do
    start=$(date +%s.%N)
    "$digits" --device "$gpu" --workers "$workers" --max-epochs 81 --repo-dir "$out/workers-$workers" >"$out/workers-$workers.txt" 2>&1
    # sums on a GPU need not have the same last bits twice
    same=yes
    cmp -s "$out/workers-1/results.ron" "$out/workers-$workers/results.ron" || same=no
    say "$(awk -v s="$(seconds "$start")" -v w="$workers" -v same=$same \
        'BEGIN { printf "| %d | %.1f | %.2f | %s |", w, 1902 / s, 1000 * s * w / 1902, same }')"
done

say "" "## A study that moves from the processor to the GPU and back" ""
# stopped in the middle, three times; a program on the GPU needs longer to begin
pauses=(0.2 3 0.2)
[[ $gpu != cpu ]] || pauses=(0.2 0.2 0.2)
records() { wc -l <"$out/moved/journal.ron"; }
for device in cpu "$gpu" cpu; do
    timeout --signal=INT "${pauses[0]}" "$digits" --device "$device" --max-epochs 81 --repo-dir "$out/moved" >>"$out/moved.txt" 2>&1 || true
    pauses=("${pauses[@]:1}")
    say "- stopped on $device with $(records) records in the journal"
done
"$digits" --device "$gpu" --max-epochs 81 --repo-dir "$out/moved" >>"$out/moved.txt" 2>&1
say "- ended on $gpu with $(records) records and accuracy $(value "$out/moved.txt")"

if [[ $gpu != cpu && -n ${PYTHON:-} ]]; then
    say "" "## A training step beside PyTorch on the same card" "" '```'
    "$PYTHON" benches/peers/steps_torch.py cuda | tee -a "$report"
    say '```' "" '```'
    HOBBIT_DEVICE=cuda cargo bench -p hobbit "${features[@]}" --bench main -- "20 steps" | tee -a "$report"
    say '```'
fi

if [[ $gpu != cpu ]] && command -v compute-sanitizer >/dev/null; then
    say "" "## compute-sanitizer" ""
    compute-sanitizer --error-exitcode 1 "$digits" --device "$gpu" --max-epochs 3 --workers 2 --repo-dir "$out/sanitized" |
        tail -n 1 | tee -a "$report"
fi
say "" "Done."
