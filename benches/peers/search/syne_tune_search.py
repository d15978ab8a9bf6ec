"""Syne Tune: asynchronous successive halving with random search, its KDE (BOHB), BORE and conformal quantile regression."""

import datetime
import logging
import random

import numpy as np
from syne_tune import config_space
from syne_tune.backend.trial_status import Trial
from syne_tune.optimizer import baselines

import adapter

logging.disable(logging.CRITICAL)


def space(table):
    made = {}
    for name, (low, high, log, whole) in table.space.items():
        if whole:
            made[name] = (config_space.lograndint if log else config_space.randint)(low, high)
        else:
            made[name] = (config_space.loguniform if log else config_space.uniform)(low, high)
    return made


def method(kind):
    def method(table, replay, seed, budget):
        random.seed(seed)
        np.random.seed(seed)
        scheduler = kind(
            space(table), metric="loss", do_minimize=True, time_attr="epoch", max_t=table.max_epochs, grace_period=1,
            reduction_factor=3, random_seed=seed,
        )
        numbers = iter(range(10**9))

        def worker():
            while True:
                config = scheduler.suggest().config
                number = next(numbers)
                row = replay.row(number, config)
                # the searcher learns from what is trained
                trial = Trial(number, replay.configuration(row), datetime.datetime(2000, 1, 1))
                scheduler.on_trial_add(trial)
                for epoch in range(1, table.max_epochs + 1):
                    loss = yield row, epoch
                    result = {"loss": loss, "epoch": epoch}
                    if epoch == table.max_epochs:
                        scheduler.on_trial_complete(trial, result)
                    elif scheduler.on_trial_result(trial, result) != "CONTINUE":
                        break

        return worker

    return method


if __name__ == "__main__":
    adapter.run(
        {
            "syne-tune-asha": method(baselines.ASHA),
            "syne-tune-bohb": method(baselines.BOHB),
            "syne-tune-asha+cqr": method(baselines.ASHACQR),
            "syne-tune-asha+bore": method(baselines.ASHABORE),
        }
    )
