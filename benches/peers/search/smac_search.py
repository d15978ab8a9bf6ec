"""SMAC3's multi-fidelity facade: Hyperband with a random forest."""

import logging
import tempfile

import ConfigSpace
from smac import MultiFidelityFacade, Scenario
from smac.runhistory.dataclasses import TrialValue

import adapter

logging.disable(logging.CRITICAL)


def space(table, seed):
    space = ConfigSpace.ConfigurationSpace(seed=seed)
    for name, (low, high, log, whole) in table.space.items():
        kind = ConfigSpace.UniformIntegerHyperparameter if whole else ConfigSpace.UniformFloatHyperparameter
        space.add(kind(name, lower=low, upper=high, log=log))
    return space


def smac(table, replay, seed, budget):
    scenario = Scenario(
        space(table, seed), n_trials=10**6, min_budget=1, max_budget=27, seed=seed, deterministic=True, output_directory=tempfile.mkdtemp(prefix="smac-"),
    )
    tool = MultiFidelityFacade(
        scenario, lambda config, seed, budget: 0.0, intensifier=MultiFidelityFacade.get_intensifier(scenario, eta=3), overwrite=True, logging_level=False,
    )
    had, losses = {}, {}

    def worker():
        while True:
            trial = tool.ask()
            config = dict(trial.config)
            key = tuple(config.values())
            row, epochs = replay.row(key, config), round(trial.budget)
            for epoch in range(had.get(key, 0) + 1, epochs + 1):
                losses[row, epoch] = yield row, epoch
                had[key] = epoch
            tool.tell(trial, TrialValue(cost=losses[row, epochs], time=float(epochs)))

    return worker


if __name__ == "__main__":
    adapter.run({"smac-multi-fidelity": smac})
