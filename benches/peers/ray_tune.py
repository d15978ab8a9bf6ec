"""Ray Tune's HyperBandScheduler over PyTorch, a core for each trial. A trial reports each epoch. R is 9 here: with 27
it did 2.1 epochs a second with one seed, and with another its driver was busy for 40 minutes without a trial at work."""

import os
import tempfile

os.environ["RAY_AIR_NEW_OUTPUT"] = "0"
os.environ["RAY_DEDUP_LOGS"] = "0"

import ray
from ray import tune
from ray.tune.schedulers import HyperBandScheduler

from work import ACTIVATIONS, HERE, WIDTHS, Timer, digits, say, seed

data = digits()


def objective(config, data=None):
    import sys

    sys.path.insert(0, HERE)
    from net_torch import Trial, tensors

    import torch

    trial, parts, first = Trial(config), tensors(data), 0
    checkpoint = tune.get_checkpoint()
    if checkpoint:
        with checkpoint.as_directory() as folder:
            saved = torch.load(os.path.join(folder, "state.pt"))
        trial.net.load_state_dict(saved["net"])
        trial.optimizer.load_state_dict(saved["optimizer"])
        first = saved["epoch"]
    for epoch in range(first, 9):
        accuracy = trial.epoch(parts)
        with tempfile.TemporaryDirectory() as folder:
            state = {"net": trial.net.state_dict(), "optimizer": trial.optimizer.state_dict(), "epoch": epoch + 1}
            torch.save(state, os.path.join(folder, "state.pt"))
            tune.report({"accuracy": accuracy}, checkpoint=tune.Checkpoint.from_directory(folder))


space = {
    "lr": tune.loguniform(1e-4, 1e-1),
    "activation": tune.choice(ACTIVATIONS),
    "dropout": tune.uniform(0, 0.9),
    "hidden": tune.choice(WIDTHS),
}
ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
with tempfile.TemporaryDirectory() as folder:
    tuner = tune.Tuner(
        tune.with_resources(tune.with_parameters(objective, data=data), {"cpu": 1}),
        param_space=space,
        tune_config=tune.TuneConfig(
            metric="accuracy",
            mode="max",
            num_samples=17,
            scheduler=HyperBandScheduler(max_t=9, reduction_factor=3),
        ),
        run_config=tune.RunConfig(storage_path=folder, verbose=0),
    )
    with Timer() as timer:
        results = tuner.fit()
    epochs = sum(result.metrics.get("training_iteration", 0) for result in results)
    best = results.get_best_result().metrics["accuracy"]
ray.shutdown()
say("ray tune, R=9", epochs, timer.seconds, best)
