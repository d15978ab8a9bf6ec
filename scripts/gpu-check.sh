#!/usr/bin/env bash
# Everything that can only be seen with an NVIDIA GPU. The figures go to DIR/gpu.md (default: target/gpu-check), to be kept in docs/gpu.md.
#
#   scripts/gpu-check.sh [DIR]
#
#   MNIST=DIR     the directory with MNIST's four files; without it the sweeps of MNIST are left out
#   PYTHON=FILE   an interpreter that has torch with CUDA; without it the comparison with PyTorch is left out
#   MAX_EPOCHS=27 the R of the sweeps that count epochs a second
#   REFERENCE=cpu compares the processor with itself: to try this script without a GPU
#
# Needs a toolkit, or what scripts/cuda-toolkit.sh makes, and the driver. A part that fails is named in the report, and the others go on.
# What was in DIR before is removed, if it is of this script.
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
epochs=${MAX_EPOCHS:-27}
features=()
[[ $gpu == cpu ]] || features=(--features cuda)
digits=target/release/examples/digits
mnist=target/release/examples/mnist

say() { printf '%s\n' "$@" | tee -a "$report"; }
value() { sed -nE "s/^.*accuracy (of )?([0-9]+\.[0-9]+).*\$/\2/p" "$1" | tail -n 1; }
seconds() { awk -v from="$1" -v to="$(date +%s.%N)" 'BEGIN { printf "%.2f", to - from }'; }

step() {
    say "" "## One step on the GPU and on the processor" ""
    cargo test --release -p hobbit "${features[@]}" --lib train::tape
    say "All layers and optimizers agree within 1e-4, and each loads what the other saved; batches are gathered on the device."
}

batch() {
    say "" "## A batch gathered on the device, and sent to it; the host's work in a step of a group" "" '```'
    cargo test --release -p hobbit "${features[@]}" --lib the_time_of -- --nocapture | grep ' us' | tee -a "$report"
    say '```'
}

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

sweeps() {
    local seed kind
    say "" "## Sweeps" "" "| sweep | seed | accuracy, cpu | accuracy, $gpu | seconds, cpu | seconds, $gpu |" "|---|---|---|---|---|---|"
    for seed in 0 1 2; do
        sweep digits "$seed" "$digits"
    done
    if [[ -n ${MNIST:-} ]]; then
        for kind in dense conv; do
            sweep "mnist-$kind" 0 "$mnist" --model "$kind" --data "$MNIST"
        done
    fi
}

rate() { sed -nE 's/^.* ([0-9.]+) epochs\/s.*$/\1/p' "$1" | tail -n 1; }

concurrent() {
    local workers device row same
    say "" "## Epochs a second by concurrent trials" "" "Digits at R=$epochs, 1437 samples in batches of 32, without the start of the program." "" \
        "| workers | epochs/s, $gpu | ms an epoch and worker | results.ron as with one worker | epochs/s, cpu |" "|---|---|---|---|---|"
    for workers in 1 2 4 8 16; do
        for device in "$gpu" cpu; do
            rm -rf "$out/$device-$workers"
            "$digits" --device "$device" --workers "$workers" --max-epochs "$epochs" --repo-dir "$out/$device-$workers" \
                >"$out/$device-$workers.txt" 2>&1
        done
        # sums on a GPU need not have the same last bits twice
        same=yes
        cmp -s "$out/$gpu-1/results.ron" "$out/$gpu-$workers/results.ron" || same=no
        row=$(awk -v r="$(rate "$out/$gpu-$workers.txt")" -v w="$workers" 'BEGIN { printf "%s | %.2f", r, 1000 * w / r }')
        say "| $workers | $row | $same | $(rate "$out/cpu-$workers.txt") |"
    done
}

# the epochs a second of sweeps with these options, as cells of a row
rates() { # name option...
    local name=$1 kind
    shift
    "$digits" "$@" --max-epochs "$epochs" --repo-dir "$name" >"$name.txt" 2>&1
    row=$(rate "$name.txt")
    for kind in small dense; do
        if [[ -z ${MNIST:-} ]]; then
            row+=" | –"
            continue
        fi
        "$mnist" "$@" --data "$MNIST" --images 2000 --model "$kind" --max-epochs 3 --repo-dir "$name-$kind" >"$name-$kind.txt" 2>&1
        row+=" | $(rate "$name-$kind.txt")"
    done
}

# what computes where there is no GPU: the same operations
together() {
    local group row engine=()
    [[ $gpu != cpu ]] || engine=(--engine dfdx)
    say "" "## Trials of one network that are trained together" "" "Epochs of 20 batches a second, by how many trials there are." "" '```'
    HOBBIT_DEVICE=$gpu cargo bench -p hobbit "${features[@]}" --bench main -- "together" 2>&1 | grep -E "^together|time:|thrpt:" |
        tee -a "$report"
    say '```' "" "## Sweeps with groups, epochs a second" ""
    say "One worker, digits at R=$epochs; MNIST with 2000 images at R=3. The trials of digits are of 12 networks, so their groups are small." "" \
        "| trials together | digits | 784-128-128-10 | 784-512-512-10 | results.ron of digits as alone | most of the card's memory |" \
        "|---|---|---|---|---|---|"
    for group in 1 4 16 32 64; do
        local name="$out/together-$group" watch=""
        if command -v nvidia-smi >/dev/null; then
            nvidia-smi --query-gpu=memory.used --format=csv,noheader,nounits -lms 200 >"$name.memory" &
            watch=$!
        fi
        rates "$name" --device "$gpu" "${engine[@]}" --workers 1 --group "$group"
        # sums on a GPU need not have the same last bits twice
        local same=yes
        cmp -s "$out/together-1/results.ron" "$name/results.ron" || same=no
        [[ -z $watch ]] || kill "$watch"
        say "| $group | $row | $same | $(sort -n "$name.memory" 2>/dev/null | tail -n 1) MiB |"
    done
    rates "$out/together-cpu" --device cpu
    say "| processor, all cores | $row | – | – |"
}

records() { wc -l <"$out/moved/journal.ron"; }

moved() {
    # stopped in the middle, three times; a program on the GPU needs longer to begin
    local pauses=(0.2 3 0.2) device run=("$digits" --max-epochs 81 --workers 2 --repo-dir "$out/moved")
    [[ $gpu != cpu ]] || pauses=(0.2 0.2 0.2)
    say "" "## A study that moves from the processor to the GPU and back" ""
    for device in cpu "$gpu" cpu; do
        timeout --signal=INT "${pauses[0]}" "${run[@]}" --device "$device" >>"$out/moved.txt" 2>&1 || true
        pauses=("${pauses[@]:1}")
        say "- stopped on $device with $(records) records in the journal"
    done
    "${run[@]}" --device "$gpu" >>"$out/moved.txt" 2>&1
    say "- ended on $gpu with $(records) records and accuracy $(value "$out/moved.txt")"
}

torch() {
    say "" "## A training step beside PyTorch on the same card" "" '```'
    "$PYTHON" benches/peers/steps_torch.py cuda | tee -a "$report"
    say '```' "" '```'
    HOBBIT_DEVICE=cuda cargo bench -p hobbit "${features[@]}" --bench main -- "20 steps" | tee -a "$report"
    say '```'
}

sanitizer() {
    say "" "## compute-sanitizer" ""
    compute-sanitizer --error-exitcode 1 "$digits" --device "$gpu" --max-epochs 3 --workers 2 --group 4 --repo-dir "$out/sanitized" |
        tail -n 1 | tee -a "$report"
}

say "Device: $(nvidia-smi --query-gpu=name,driver_version --format=csv,noheader 2>/dev/null || echo none), $(nproc) cores"
cargo build --release -p hobbit "${features[@]}" --example digits --example mnist
parts=(step batch sweeps concurrent together moved)
[[ $gpu == cpu || -z ${PYTHON:-} ]] || parts+=(torch)
[[ $gpu == cpu ]] || ! command -v compute-sanitizer >/dev/null || parts+=(sanitizer)
failed=()
for part in "${parts[@]}"; do
    # a function whose status is asked for would go on after errors, so it is asked for afterwards
    set +e
    (
        set -e
        trap 'say "" "Failed at: $BASH_COMMAND"; tail -n 20 "$(ls -t "$out"/*.txt 2>/dev/null | head -n 1)" 2>/dev/null || true' ERR
        "$part"
    )
    status=$?
    set -e
    [[ $status == 0 ]] || failed+=("$part")
done
if [[ ${#failed[@]} != 0 ]]; then
    say "" "Failed: ${failed[*]}."
    exit 1
fi
say "" "Done."
