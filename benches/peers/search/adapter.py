"""What every peer is measured by: tables, snapping, virtual workers, regret. The same protocol as `search-bench`."""

import argparse
import collections
import csv
import gzip
import heapq
import math
import multiprocessing
import os
import pathlib
import sys

# a worker of ours is a process; no tool shall have threads beside it
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import numpy as np

EVERY = 10

# name: (low, high, log, whole)
SPACES = {
    "taskset": {
        "learning_rate": (1e-8, 10.0, True, False),
        "one_minus_beta1": (1e-4, 1.0, True, False),
        "one_minus_beta2": (1e-6, 1.0, True, False),
        "epsilon": (1e-10, 1e3, True, False),
        "l1": (1e-8, 10.0, True, False),
        "l2": (1e-8, 10.0, True, False),
        "linear_decay": (1e-7, 1e-4, True, False),
        "exponential_decay": (1e-6, 1e-3, True, False),
    },
    "lcbench": {
        "batch_size": (16, 512, True, True),
        "learning_rate": (1e-4, 1e-1, True, False),
        "momentum": (0.1, 0.99, False, False),
        "weight_decay": (1e-5, 0.1, False, False),
        "num_layers": (1, 5, False, True),
        "max_units": (64, 1024, True, True),
        "max_dropout": (0.0, 1.0, False, False),
    },
}


def unit(space, values):
    """A configuration as a point of the unit cube."""
    point = []
    for name, (low, high, log, _) in space.items():
        value = values[name]
        if log:
            low, high, value = math.log(low), math.log(high), math.log(value)
        point.append((value - low) / (high - low))
    return point


class Table:
    """A table of learning curves, and the configurations of its rows."""

    def __init__(self, directory, name):
        self.name = name
        suite = name.split("_")[0]
        self.space = SPACES[suite]
        with open(directory / f"{suite}_hparams.csv") as file:
            rows = [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]
        for row in rows:
            for beta in ("beta1", "beta2"):
                if beta in row:
                    low = self.space[f"one_minus_{beta}"][0]
                    row[f"one_minus_{beta}"] = min(max(1.0 - row[beta], low), 1.0)
        self.points = np.array([unit(self.space, row) for row in rows])
        self.configurations = [self._within(row) for row in rows]
        path = directory / f"{name}.csv.gz"
        with gzip.open(path, "rt") if path.exists() else open(directory / f"{name}.csv") as file:
            self.curves = np.array([[float(value) for value in row] for row in csv.reader(file)])
        with open(directory / "initial.csv") as file:
            self.initial = float(next(row for row in csv.DictReader(file) if row["table"] == name)["initial_loss"])
        self.best = float(np.nanmin(np.where(np.isfinite(self.curves), self.curves, np.nan)))
        self.max_epochs = self.curves.shape[1]
        # the first epoch without a loss, counted from 1
        broken = ~np.isfinite(self.curves)
        self.diverges = np.where(broken.any(axis=1), broken.argmax(axis=1) + 1, self.max_epochs + 1)

    def _within(self, row):
        """A row's configuration as tools take it: whole numbers, and none outside of the space by rounding."""
        return {
            name: int(round(row[name])) if whole else min(max(row[name], low), high)
            for name, (low, high, _, whole) in self.space.items()
        }

    def regret(self, loss):
        return min(1.0, (loss - self.best) / (self.initial - self.best))


class UsedUp(Exception):
    """Every row of the table is used: the search is over."""


class Replay:
    """The rows that a search has used."""

    def __init__(self, table):
        self.table = table
        self.free = np.ones(len(table.points), bool)
        self.rows = {}

    def row(self, key, values):
        """The row of a configuration: of a new one, the nearest that is not used."""
        if key not in self.rows:
            distances = ((self.table.points - unit(self.table.space, values)) ** 2).sum(axis=1)
            distances[~self.free] = np.inf
            row = int(np.argmin(distances))
            if not self.free[row]:
                raise UsedUp
            self.free[row] = False
            self.rows[key] = row
        return self.rows[key]

    def configuration(self, row):
        """What is trained instead of the proposal; told to those tools that can be told."""
        return self.table.configurations[row]


def simulate(table, worker, lanes, budget):
    """The regret after each epoch of budget.

    `worker()` makes a generator that yields rows and epochs to train, `(row, epoch)`, and gets their losses; it yields
    `None` where the tool has nothing to do before others are done. Each of `lanes` virtual workers is one; an epoch
    takes one unit of time. A trial that diverged is told to be as bad as an untrained model, and costs nothing more.
    """
    best, regrets = math.inf, []
    queue, waiting, number = [], [], 0

    def step(time, lane, generator, value):
        nonlocal number
        try:
            wanted = generator.send(value)
            while wanted is not None and wanted[1] > table.diverges[wanted[0]]:
                wanted = generator.send(table.initial)
        except (StopIteration, UsedUp):
            return
        if wanted is None:
            waiting.append((lane, generator))
        else:
            number += 1
            heapq.heappush(queue, (time + 1, number, lane, generator, wanted))

    for lane in range(lanes):
        step(0, lane, worker(), None)
    while queue and len(regrets) < budget:
        time, _, lane, generator, (row, epoch) = heapq.heappop(queue)
        loss = table.curves[row][epoch - 1]
        if np.isfinite(loss):
            best = min(best, loss)
        regrets.append(table.regret(best) if math.isfinite(best) else 1.0)
        step(time, lane, generator, float(loss) if np.isfinite(loss) else table.initial)
        if waiting:
            parked, waiting = waiting, []
            for lane, generator in parked:
                step(time, lane, generator, None)
    regrets += [regrets[-1] if regrets else 1.0] * (budget - len(regrets))
    return regrets


def run(methods):
    """The command of a tool: `methods` are functions (table, replay, seed, budget) that return what makes a worker.

    Runs that are in the file already are not done again. One seed after the other, so that what was cut short has as many
    for every table and method.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("--tables", type=pathlib.Path, required=True)
    parser.add_argument("--method", nargs="*", default=list(methods), help="of this tool")
    parser.add_argument("--skip", nargs="*", default=[], help="methods, of this tool or of others")
    parser.add_argument("--lookahead", type=int, nargs="*", default=[1, 4])
    parser.add_argument("--epochs", type=int, default=2000)
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--only", default="")
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    files = [path.name.removesuffix(".gz").removesuffix(".csv") for path in arguments.tables.glob("*.csv*")]
    names = sorted(name for name in files if name != "initial" and not name.endswith("_hparams"))
    arguments.method = [method for method in arguments.method if method not in arguments.skip]
    unknown = [method for method in arguments.method if method not in methods]
    if unknown:
        parser.error(f"no such method: {', '.join(unknown)}; there are {', '.join(methods)}")
    done = collections.Counter()
    if arguments.out.exists():
        with open(arguments.out) as file:
            rows = csv.DictReader(file)
            done.update((r["table"], r["method"], int(r["lookahead"]), int(r["seed"])) for r in rows)
    for run, rows in done.items():
        if rows != arguments.epochs // EVERY:
            sys.exit(f"{arguments.out}: a run of another budget, or cut short: {run}; remove its lines")
    jobs = [
        (arguments.tables, name, method, lanes, seed, arguments.epochs)
        for seed in range(arguments.seeds)
        for name in names
        if arguments.only in name
        for method in arguments.method
        for lanes in arguments.lookahead
        if (name, method, lanes, seed) not in done
    ]
    new = not arguments.out.exists()
    with open(arguments.out, "a") as file, multiprocessing.Pool(arguments.processes, _begin, (methods,)) as pool:
        if new:
            file.write("table,method,lookahead,seed,epochs,regret\n")
        for (_, name, method, lanes, seed, _), regrets in pool.imap(_job, jobs):
            epochs = range(EVERY, len(regrets) + 1, EVERY)
            file.write("".join(f"{name},{method},{lanes},{seed},{epoch},{regrets[epoch - 1]}\n" for epoch in epochs))
            file.flush()


def _begin(methods):
    global METHODS
    METHODS = methods


def _job(job):
    directory, name, method, lanes, seed, budget = job
    table = Table(directory, name)
    np.random.seed(seed)
    worker = METHODS[method](table, Replay(table), seed, budget)
    return job, simulate(table, worker, lanes, budget)
