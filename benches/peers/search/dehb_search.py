"""DEHB, asked and told. It trains from scratch what it changes; what it promotes unchanged is continued."""

import logging
import tempfile

import ConfigSpace
from dehb import DEHB

import adapter

logging.disable(logging.CRITICAL)


def space(table, seed):
    space = ConfigSpace.ConfigurationSpace(seed=seed)
    for name, (low, high, log, whole) in table.space.items():
        kind = ConfigSpace.UniformIntegerHyperparameter if whole else ConfigSpace.UniformFloatHyperparameter
        space.add(kind(name, lower=low, upper=high, log=log))
    return space


def dehb(table, replay, seed, budget):
    from loguru import logger

    logger.remove()
    output = tempfile.mkdtemp(prefix="dehb-")
    tool = DEHB(
        cs=space(table, seed), dimensions=len(table.space), min_fidelity=1, max_fidelity=27, eta=3, seed=seed, n_workers=1,
        output_path=output, save_freq=None,
    )
    had, losses = {}, {}

    def worker():
        while True:
            job = tool.ask()
            config = dict(job["config"])
            key = tuple(config.values())
            row, epochs = replay.row(key, config), round(job["fidelity"])
            for epoch in range(had.get(key, 0) + 1, epochs + 1):
                losses[row, epoch] = yield row, epoch
                had[key] = epoch
            tool.tell(job, {"fitness": losses[row, epochs], "cost": epochs})

    return worker


if __name__ == "__main__":
    adapter.run({"dehb": dehb})
