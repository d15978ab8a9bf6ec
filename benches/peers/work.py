"""What all of them do: the digits, the search space, Hyperband's plan for R=27 and eta=3, and how a result is said."""

import json
import math
import os
import random
import sys
import time

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
WIDTHS = [16, 32, 64, 128]
ACTIVATIONS = ["sigmoid", "tanh", "relu"]
BATCH = 32


def digits():
    """Training and validation parts, as the digits example has them: `split.csv`, written by the Rust side, says which is which."""
    rows = np.loadtxt(os.path.join(HERE, "../../examples/data/digits.csv"), delimiter=",", dtype=np.int64)
    x, y = (rows[:, :64] / 16).astype(np.float32), rows[:, 64]
    order = [np.array(line.split(","), dtype=np.int64) for line in open(sys.argv[1])]
    (train, valid) = order
    assert (len(train), len(valid)) == (1437, 360)
    return (x[train], y[train]), (x[valid], y[valid])


def draw(rng):
    return {
        "lr": 10 ** rng.uniform(-4, -1),
        "activation": rng.choice(ACTIVATIONS),
        "dropout": rng.uniform(0, 0.9),
        "hidden": rng.choice(WIDTHS),
    }


def plan(r=27, eta=3):
    """Brackets: lists of stages, each so many trials for so many epochs more."""
    s_max = 0
    while eta ** (s_max + 1) <= r:
        s_max += 1
    brackets = []
    for s in range(s_max, -1, -1):
        n = -(-(s_max + 1) * eta**s // (s + 1))
        brackets.append([(n // eta**i, round(r / eta ** (s - i))) for i in range(s + 1)])
    return brackets


def hyperband(train, seed):
    """Hyperband by hand. `train(states, epochs)` trains trials and gives their new states and scores; a state begins as a
    configuration. Returns the epochs that were trained, and the best score."""
    rng = random.Random(seed)
    epochs, best = 0, -math.inf
    for bracket in plan():
        trials = [draw(rng) for _ in range(bracket[0][0])]
        for n, r in bracket:
            results = train(trials[:n], r)
            epochs += n * r
            results.sort(key=lambda result: -result[1])
            best = max(best, results[0][1])
            trials = [state for state, _ in results]
    return epochs, best


def seed():
    return int(sys.argv[2])


def say(tool, epochs, seconds, best):
    print(json.dumps({"tool": tool, "epochs": epochs, "seconds": seconds, "best": best}), flush=True)


class Timer:
    def __enter__(self):
        self.start = time.perf_counter()
        return self

    def __exit__(self, *_):
        self.seconds = time.perf_counter() - self.start
