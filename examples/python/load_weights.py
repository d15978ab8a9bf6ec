"""Loads weights that hobbit saved into equal PyTorch models, and compares predictions.

    cargo run --release --example weights -- DIR
    python examples/python/load_weights.py DIR

Needs torch, safetensors and numpy. `load` is all there is to it.
"""

import sys

import numpy as np
import torch
from safetensors.torch import load_file
from torch import nn

# torch's names of what hobbit's layers have
NAMES = {"weight": "weight", "bias": "bias", "scale": "weight", "shift": "bias", "mean": "running_mean", "variance": "running_var"}


def load(path, layers):
    """Sets layers of torch, by hobbit's names for them, to the best weights in a file."""
    for name, value in load_file(path).items():
        layer, _, part = name.rpartition(".")
        if layer in layers:
            # a dense layer's weight is [inputs, outputs] in hobbit and [outputs, inputs] in torch; all else is the same
            getattr(layers[layer], NAMES[part]).data = value.T if value.dim() == 2 else value


def main(directory):
    dense = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    load(f"{directory}/dense.safetensors", {"dense1": dense[0], "dense2": dense[2]})

    conv = nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(),
        nn.MaxPool2d(2), nn.Conv2d(8, 12, 3), nn.Tanh(), nn.Flatten(), nn.Linear(48, 10),
    )
    layers = {"conv2d1": conv[1], "batch_norm1": conv[2], "conv2d2": conv[5], "dense1": conv[8]}
    load(f"{directory}/conv.safetensors", layers)

    for name, model in [("dense", dense), ("conv", conv)]:
        table = np.loadtxt(f"{directory}/{name}.csv", delimiter=",", dtype=np.float32)
        with torch.no_grad():
            ours = model.eval()(torch.from_numpy(table[:, :64])).softmax(1).numpy()
        difference = np.abs(ours - table[:, 64:]).max()
        print(f"{name}: {len(table)} predictions, which differ by at most {difference:.1e}")
        assert difference < 1e-5


if __name__ == "__main__":
    main(sys.argv[1])
