#!/usr/bin/env bash
# Reads what hobbit writes for other tools with these tools: Optuna, optuna-dashboard, TensorBoard and safetensors, from PyPI, in a
# virtual environment below target/. Pages are looked at in headless Chromium, which has to be there.
#
#   scripts/interop-test.sh [--no-browser]
#
# Screenshots are left in target/interop.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=target/interop-venv
out=target/interop
python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check --requirement tests/scripts/interop-requirements.txt

cargo build --release --example digits --features interop
rm -rf "$out"
mkdir -p "$out/net"
# a study with conditional parameters and failures, which the Rust tests have
HOBBIT_INTEROP_KILL_DIR=$PWD/$out/net cargo test -p hobbit --no-default-features --features interop \
    --test integration interop::kill::child -- --exact
PATH=$PWD/$venv/bin:$PATH python3 tests/scripts/interop.py target/release/examples/digits "$out/net" "$out" "$@"
