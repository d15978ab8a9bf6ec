#!/usr/bin/env bash
# Loads weights that hobbit trained into equal PyTorch models and compares their predictions. Not part of the continuous checks, because
# torch is large: it is installed below target/, unless PYTHON names an interpreter that has torch, safetensors and numpy.
#
#   [PYTHON=python3] scripts/weights-check.sh
set -euo pipefail
cd "$(dirname "$0")/.."

if [[ -z ${PYTHON:-} ]]; then
    venv=target/weights-venv
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check torch==2.15.0 safetensors==0.8.0 numpy==2.4.6
    PYTHON=$venv/bin/python
fi
rm -rf target/weights
mkdir -p target/weights
cargo run --release --example weights -- target/weights
"$PYTHON" examples/python/load_weights.py target/weights
