"""Hyperband by hand over PyTorch, with a pool of two processes. A promoted trial goes on with its weights and optimizer state."""

from concurrent.futures import ProcessPoolExecutor

import torch

from net_torch import Trial, tensors
from work import Timer, digits, hyperband, say, seed

data = None


def prepare(base):
    global data
    data = tensors(digits())
    torch.manual_seed(base)


def train(task):
    state, epochs = task
    trial = Trial(state) if isinstance(state, dict) else state
    best = max(trial.epoch(data) for _ in range(epochs))
    return trial, best


if __name__ == "__main__":
    with ProcessPoolExecutor(2, initializer=prepare, initargs=(seed(),)) as pool:
        list(pool.map(abs, range(8)))  # the processes are there, and have imported what they need
        with Timer() as timer:
            epochs, best = hyperband(lambda states, n: list(pool.map(train, [(s, n) for s in states])), seed())
    say("by hand over torch, 2 processes", epochs, timer.seconds, best)
