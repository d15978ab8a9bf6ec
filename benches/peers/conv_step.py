"""A training step of the LeNet-like network in PyTorch, on one thread: what `cargo bench -p hobbit -- step/lenet` is held against.

    pip install torch==2.15.0
    python benches/peers/conv_step.py
"""

import statistics
import time

import torch
from torch import nn

torch.set_num_threads(1)
torch.manual_seed(0)
net = nn.Sequential(
    nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 10),
)
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
x, y = torch.randn(64, 1, 28, 28), torch.randint(0, 10, (64,))
loss = nn.CrossEntropyLoss()


def step():
    optimizer.zero_grad()
    loss(net(x), y).backward()
    optimizer.step()


for _ in range(20):
    step()
times = []
for _ in range(7):
    start = time.perf_counter()
    for _ in range(50):
        step()
    times.append((time.perf_counter() - start) / 50 * 1e6)
print(f"{statistics.median(times):.0f} us a step (median of 7; from {min(times):.0f} to {max(times):.0f})")
