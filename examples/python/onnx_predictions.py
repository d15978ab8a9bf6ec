"""Compares what ONNX Runtime makes of models that hobbit wrote with what hobbit predicted.

python onnx_predictions.py DIR    after    cargo run --release --features onnx --example onnx -- DIR
"""

import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

directory = Path(sys.argv[1])
models = sorted(directory.glob("*.onnx"))
assert len(models) == 5, models
for path in models:
    onnx.checker.check_model(onnx.load(path), full_check=True)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    shape = [-1, *given.shape[1:]]
    samples = np.fromfile(path.with_suffix(".samples"), "<f4").reshape(shape)
    expected = np.fromfile(path.with_suffix(".predictions"), "<f4").reshape(len(samples), -1)
    (found,) = session.run(["predictions"], {"samples": samples})
    assert found.shape == expected.shape, (found.shape, expected.shape)
    largest = np.abs(found - expected).max()
    names = session.get_modelmeta().custom_metadata_map
    print(f"{path.stem:10} {found.shape} {len(names)} names, off by at most {largest:.1e}")
    assert largest < 2e-5, largest
