"""Ten steps of training in PyTorch, as values that tests compare hobbit's with.

Writes tests/data/torch_steps.safetensors. Made with torch 2.15.0 (CPU) and safetensors 0.8.0:

    pip install torch safetensors numpy
    python tests/scripts/torch_steps.py

Everything is 32-bit, on one thread. Arrays are called `<network>.<what>`, with hobbit's names and layouts for parameters: the weight of
a dense layer is [inputs, outputs] there, and [outputs, inputs] in torch.
"""

import pathlib

import torch
from safetensors.torch import save_file
from torch import nn

STEPS, BATCH = 10, 16

NETWORKS = {
    "dense": ([20], lambda: nn.Sequential(nn.Linear(20, 16), nn.ReLU(), nn.Linear(16, 12), nn.Tanh(), nn.Linear(12, 5))),
    "conv": (
        [1, 8, 8],
        lambda: nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(4, 6, 3, stride=2), nn.GELU(), nn.Flatten(), nn.Linear(6, 5),
        ),
    ),
    "norm": (
        [2, 6, 6],
        lambda: nn.Sequential(
            nn.Conv2d(2, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.AvgPool2d(2),
            nn.Flatten(), nn.Linear(36, 8), nn.LayerNorm(8), nn.Sigmoid(), nn.Linear(8, 5),
        ),
    ),
}

OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.05),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.02, momentum=0.9, weight_decay=0.01),
    "nesterov": lambda p: torch.optim.SGD(p, lr=0.02, momentum=0.9, nesterov=True),
    "adam": lambda p: torch.optim.Adam(p, lr=0.003),
    "adam_decay": lambda p: torch.optim.Adam(p, lr=0.003, weight_decay=0.01),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.003, weight_decay=0.1),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.001, alpha=0.9),
    "rmsprop_momentum": lambda p: torch.optim.RMSprop(p, lr=0.001, alpha=0.99, momentum=0.5, weight_decay=0.01),
}


def named(net):
    """The state by hobbit's names."""
    counts, state = {}, {}
    kinds = {nn.Linear: "dense", nn.Conv2d: "conv2d", nn.BatchNorm2d: "batch_norm", nn.LayerNorm: "layer_norm"}
    for layer in net:
        kind = kinds.get(type(layer))
        if kind is None:
            continue
        counts[kind] = counts.get(kind, 0) + 1
        name = f"{kind}{counts[kind]}"
        if kind in ("dense", "conv2d"):
            weight = layer.weight.T if kind == "dense" else layer.weight
            state[f"{name}.weight"] = weight
            if layer.bias is not None:
                state[f"{name}.bias"] = layer.bias
        else:
            state[f"{name}.scale"], state[f"{name}.shift"] = layer.weight, layer.bias
        if kind == "batch_norm":
            state[f"{name}.mean"], state[f"{name}.variance"] = layer.running_mean, layer.running_var
    return {name: value.detach().clone().contiguous() for name, value in state.items()}


def main():
    torch.set_num_threads(1)
    arrays = {}
    for number, (network, (shape, make)) in enumerate(NETWORKS.items()):
        torch.manual_seed(number)
        inputs = torch.randn(STEPS, BATCH, *shape)
        classes = torch.randint(0, 5, (STEPS, BATCH))
        first = make()
        arrays[f"{network}.inputs"] = inputs
        arrays[f"{network}.classes"] = classes.to(torch.uint8)
        for name, value in named(first).items():
            arrays[f"{network}.first.{name}"] = value
        for optimizer, build in OPTIMIZERS.items():
            net = make()
            net.load_state_dict(first.state_dict())
            opt = build(net.parameters())
            losses = []
            for step in range(STEPS):
                opt.zero_grad()
                loss = nn.functional.cross_entropy(net(inputs[step]), classes[step])
                loss.backward()
                opt.step()
                losses.append(loss.item())
            arrays[f"{network}.{optimizer}.losses"] = torch.tensor(losses)
            for name, value in named(net).items():
                arrays[f"{network}.{optimizer}.{name}"] = value
    save_file(arrays, pathlib.Path(__file__).parent.parent / "data" / "torch_steps.safetensors")


main()
