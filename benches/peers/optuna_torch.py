"""Optuna with its Hyperband pruner over PyTorch, two trials at once in threads, until 423 epochs are trained."""

import threading

import optuna
import torch

from net_torch import Trial, tensors
from work import ACTIVATIONS, WIDTHS, Timer, digits, say, seed

EPOCHS = 423
data = tensors(digits())
lock = threading.Lock()
done = 0
torch.manual_seed(seed())


def objective(trial):
    global done
    hp = {
        "lr": trial.suggest_float("lr", 1e-4, 1e-1, log=True),
        "activation": trial.suggest_categorical("activation", ACTIVATIONS),
        "dropout": trial.suggest_float("dropout", 0, 0.9),
        "hidden": trial.suggest_categorical("hidden", WIDTHS),
    }
    model, accuracy = Trial(hp), 0.0
    for epoch in range(27):
        with lock:
            if done == EPOCHS:
                trial.study.stop()
                return accuracy
            done += 1
        accuracy = model.epoch(data)
        trial.report(accuracy, epoch)
        if trial.should_prune():
            raise optuna.TrialPruned
    return accuracy


optuna.logging.set_verbosity(optuna.logging.ERROR)
study = optuna.create_study(
    direction="maximize",
    sampler=optuna.samplers.RandomSampler(seed=seed()),
    pruner=optuna.pruners.HyperbandPruner(min_resource=1, max_resource=27, reduction_factor=3),
)
with Timer() as timer:
    study.optimize(objective, n_trials=None, timeout=600, n_jobs=2)
say("optuna + torch, 2 threads", done, timer.seconds, study.best_value)
