"""Training steps of the networks of `benches/nets.rs` in PyTorch, on one thread: lines of name and microseconds.

With `cuda` as its argument on the GPU, batches being gathered there.
"""

import sys
import time

import torch
from torch import nn

torch.set_num_threads(1)
torch.manual_seed(0)
device = sys.argv[1] if len(sys.argv) > 1 else "cpu"


def dense(*widths, dropout=None):
    layers = []
    for inputs, outputs in zip(widths, widths[1:]):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
        if dropout and outputs != widths[-1]:
            layers.append(nn.Dropout(dropout))
    return nn.Sequential(*layers[:-1])


def lenet():
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 10),
    )


def rmsprop(net):
    return torch.optim.RMSprop(net.parameters(), lr=1e-3)


def adam(net):
    return torch.optim.Adam(net.parameters(), lr=1e-3)


nets = [
    ("64-16-10", dense(64, 16, 10, dropout=0.3), rmsprop, (32, 64)),
    ("64-128-10", dense(64, 128, 10, dropout=0.3), rmsprop, (32, 64)),
    ("784-32-32-10", dense(784, 32, 32, 10), adam, (64, 784)),
    ("784-128-128-10", dense(784, 128, 128, 10), adam, (64, 784)),
    ("784-512-512-10", dense(784, 512, 512, 10), adam, (64, 784)),
    ("lenet", lenet(), adam, (64, 1, 28, 28)),
]
loss = nn.CrossEntropyLoss()
print("net,step_us")
for name, net, make, shape in nets:
    net.to(device)
    optimizer = make(net)
    batches = 24
    x, y = torch.rand(batches * shape[0], *shape[1:]), torch.randint(0, 10, (batches * shape[0],))
    x, y = x.to(device), y.to(device)

    def epoch():
        order = torch.randperm(len(x), device=device)
        for start in range(0, len(x), shape[0]):
            part = order[start : start + shape[0]]
            optimizer.zero_grad()
            loss(net(x[part]), y[part]).backward()
            optimizer.step()
        if device != "cpu":
            torch.cuda.synchronize()

    epoch()
    start, calls = time.perf_counter(), 0
    while time.perf_counter() - start < 0.8:
        epoch()
        calls += 1
    print(f"{name},{(time.perf_counter() - start) * 1e6 / calls / batches:.2f}")
