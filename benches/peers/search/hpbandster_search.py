"""HpBandSter's BOHB: its own brackets and its own model, driven without its network."""

import logging
import random

import ConfigSpace
import numpy as np
from hpbandster.core.dispatcher import Job
from hpbandster.optimizers.bohb import BOHB

import adapter

logging.disable(logging.CRITICAL)


def space(table, seed):
    space = ConfigSpace.ConfigurationSpace(seed=seed)
    for name, (low, high, log, whole) in table.space.items():
        kind = ConfigSpace.UniformIntegerHyperparameter if whole else ConfigSpace.UniformFloatHyperparameter
        add = getattr(space, "add_hyperparameter", None) or space.add
        add(kind(name, lower=low, upper=high, log=log))
    return space


def bohb(table, replay, seed, budget):
    random.seed(seed)
    np.random.seed(seed)
    # the part of the tool that would talk to workers is left out
    tool = BOHB.__new__(BOHB)
    tool.config = {}
    tool.logger = logging.getLogger("hpbandster")
    master = BOHB.__mro__[1]
    made = {}
    original = master.__init__
    master.__init__ = lambda self, config_generator=None, **_: made.update(generator=config_generator)
    try:
        BOHB.__init__(tool, configspace=space(table, seed), eta=3, min_budget=1, max_budget=27)
    finally:
        master.__init__ = original
    tool.config_generator = made["generator"]
    iterations = []

    def next_run():
        for iteration in iterations:
            if not iteration.is_finished and (run := iteration.get_next_run()) is not None:
                return iteration, run
        kwargs = {"result_logger": None}
        iterations.append(tool.get_next_iteration(len(iterations), kwargs))
        return iterations[-1], iterations[-1].get_next_run()

    def worker():
        while True:
            iteration, (key, config, epochs) = next_run()
            row = replay.row(key, config)
            # the model learns from what is trained
            config = iteration.data[key].config = replay.configuration(row)
            had = len(iteration.data[key].results) and round(max(iteration.data[key].results))
            loss = None
            for epoch in range(had + 1, round(epochs) + 1):
                loss = yield row, epoch
            job = Job(key, config=config, budget=epochs)
            job.result = {"loss": loss, "info": {}}
            iteration.register_result(job)
            tool.config_generator.new_result(job)

    return worker


if __name__ == "__main__":
    adapter.run({"hpbandster-bohb": bohb})
