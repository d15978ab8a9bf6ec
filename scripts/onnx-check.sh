#!/usr/bin/env bash
# Writes models as ONNX files and compares what ONNX Runtime predicts with them. Not part of the continuous
# checks: what it needs is installed below target/, unless PYTHON names an interpreter that has onnx, onnxruntime
# and numpy.
#
#   [PYTHON=python3] [PROFILE=--release] scripts/onnx-check.sh
set -euo pipefail
cd "$(dirname "$0")/.."

if [[ -z ${PYTHON:-} ]]; then
    venv=target/onnx-venv
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check onnx onnxruntime numpy
    PYTHON=$venv/bin/python
fi
rm -rf target/onnx
mkdir -p target/onnx
cargo run ${PROFILE---release} --features onnx --example onnx -- target/onnx
"$PYTHON" examples/python/onnx_predictions.py target/onnx
