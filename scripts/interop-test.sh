#!/usr/bin/env bash
# Reads what hobbit writes for other tools with these tools: Optuna, optuna-dashboard, TensorBoard and safetensors, from PyPI, in a
# virtual environment below target/. Pages are looked at in headless Chromium, which has to be there (Debian's package `chromium`), as
# does Python's venv (`python3-venv`).
#
#   scripts/interop-test.sh [--no-browser]
#
# Screenshots are left in target/interop.
set -euo pipefail
cd "$(dirname "$0")/.."

if [[ ${1:-} != --no-browser ]]; then
    browser() { command -v chromium || command -v chromium-browser || command -v google-chrome; }
    CHROMIUM=${CHROMIUM:-$(browser)} || { echo "there is no chromium: install it, name it in CHROMIUM, or pass --no-browser" >&2; exit 1; }
    export CHROMIUM
fi

target=${CARGO_TARGET_DIR:-target}
venv=target/interop-venv
out=target/interop
python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check --requirement tests/scripts/interop-requirements.txt

# with the features that .ci/run has built already
cargo build --workspace --features hobbit/full,hobbit-cli/predict --bin hobbit --example digits --example json_lines
rm -rf "$out"
mkdir -p "$out/net"
# a study with conditional parameters and failures, which the Rust tests have
HOBBIT_TEST_PROCESS=interop::kill::victim HOBBIT_KILL_TEST_DIR=$PWD/$out/net HOBBIT_KILL_TEST_WORKERS=2 \
    cargo test --workspace --features hobbit/full,hobbit-cli/predict --test integration processes::as_a_process_of_its_own -- --exact
PATH=$PWD/$venv/bin:$PATH python3 tests/scripts/interop.py "$target/debug/examples/digits" "$target/debug/hobbit" "$out" "$@"
