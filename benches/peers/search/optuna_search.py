"""Optuna: TPE on whole curves, TPE with its HyperbandPruner, random search."""

import warnings

import optuna

import adapter

optuna.logging.set_verbosity(optuna.logging.ERROR)
warnings.filterwarnings("ignore")


def suggest(trial, space):
    values = {}
    for name, (low, high, log, whole) in space.items():
        kind = trial.suggest_int if whole else trial.suggest_float
        values[name] = kind(name, low, high, log=log)
    return values


def correct(study, trial, configuration):
    """Lets the trial have had the configuration that is trained, as if it had been proposed."""
    for name, distribution in study._storage.get_trial(trial._trial_id).distributions.items():
        value = distribution.to_internal_repr(configuration[name])
        study._storage.set_trial_param(trial._trial_id, name, value, distribution)


def study(sampler, pruner):
    def method(table, replay, seed, budget):
        made = pruner(table)
        study = optuna.create_study(sampler=sampler(seed), pruner=made)

        def worker():
            while True:
                trial = study.ask()
                row = replay.row(trial.number, suggest(trial, table.space))
                correct(study, trial, replay.configuration(row))
                best, pruned = float("inf"), False
                for epoch in range(1, table.max_epochs + 1):
                    loss = yield row, epoch
                    best = min(best, loss)
                    trial.report(loss, epoch)
                    if trial.should_prune():
                        pruned = True
                        break
                if pruned:
                    study.tell(trial, state=optuna.trial.TrialState.PRUNED)
                else:
                    study.tell(trial, best)

        return worker

    return method


def hyperband(table):
    return optuna.pruners.HyperbandPruner(min_resource=1, max_resource=table.max_epochs, reduction_factor=3)


def never(table):
    return optuna.pruners.NopPruner()


if __name__ == "__main__":
    adapter.run(
        {
            "optuna-random": study(lambda seed: optuna.samplers.RandomSampler(seed=seed), never),
            "optuna-tpe": study(lambda seed: optuna.samplers.TPESampler(seed=seed), never),
            "optuna-tpe+hyperband": study(lambda seed: optuna.samplers.TPESampler(seed=seed), hyperband),
        }
    )
