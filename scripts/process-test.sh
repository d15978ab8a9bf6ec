#!/usr/bin/env bash
# The example `process` with scikit-learn, in a virtual environment made for it; with Python alone where
# scikit-learn is not to be had.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=${CARGO_TARGET_DIR:-target}/process-venv
if [[ ! -x $venv/bin/python ]]; then python3 -m venv "$venv"; fi
command="$venv/bin/python examples/process/train.py"
if ! "$venv/bin/python" -c "import sklearn" 2>/dev/null && ! "$venv/bin/pip" install -q scikit-learn; then
    echo "there is no scikit-learn here; the plain twin is run instead"
    command="python3 examples/process/plain.py"
fi
# read to its end before anything is looked for: who closes a pipe early kills whoever still writes to it
cargo build -q --workspace --features hobbit/full,hobbit-cli/predict --example process
shown=$("${CARGO_TARGET_DIR:-target}/debug/examples/process" $command)
printf '%s\n' "$shown"
grep -q "val_loss" <<<"$shown"
