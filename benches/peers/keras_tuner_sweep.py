"""KerasTuner's Hyperband on the torch backend. The epochs are counted as they are trained."""

import os
import tempfile

os.environ["KERAS_BACKEND"] = "torch"

import keras
import keras_tuner
import torch

from work import ACTIVATIONS, WIDTHS, Timer, digits, say, seed

torch.set_num_threads(2)
(x, y), valid = digits()
epochs = 0


class Count(keras.callbacks.Callback):
    def on_epoch_end(self, *_):
        global epochs
        epochs += 1


def build(hp):
    model = keras.Sequential(
        [
            keras.Input((64,)),
            keras.layers.Dense(hp.Choice("hidden", WIDTHS), activation=hp.Choice("activation", ACTIVATIONS)),
            keras.layers.Dropout(hp.Float("dropout", 0, 0.9)),
            keras.layers.Dense(10),
        ]
    )
    rate = hp.Float("lr", 1e-4, 1e-1, sampling="log")
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.RMSprop(rate), loss, metrics=["accuracy"])
    return model


with tempfile.TemporaryDirectory() as folder:
    tuner = keras_tuner.Hyperband(
        build, "val_accuracy", max_epochs=27, factor=3, seed=seed(), directory=folder, project_name="digits"
    )
    with Timer() as timer:
        tuner.search(x, y, validation_data=valid, batch_size=32, verbose=0, callbacks=[Count()])
    best = tuner.oracle.get_best_trials(1)[0].score
say("keras tuner", epochs, timer.seconds, best)
