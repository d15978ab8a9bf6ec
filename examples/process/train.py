"""Trains a linear classifier on breast cancer data, epoch by epoch, as hobbit asks for it."""
import json, os, pickle, sys

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

x, y = load_breast_cancer(return_X_y=True)
x, x_val, y, y_val = train_test_split(x, y, test_size=0.25, random_state=0, stratify=y)
scaler = StandardScaler().fit(x)
x, x_val = scaler.transform(x), scaler.transform(x_val)

begin = json.loads(sys.stdin.readline())
hp, state = begin["hparams"], os.path.join(begin["directory"], "model.pickle")
if begin["resume"]:
    model = pickle.load(open(state, "rb"))
else:
    rates = {"learning_rate": "constant", "alpha": hp["alpha"], "eta0": hp["eta0"]}
    model = SGDClassifier("log_loss", shuffle=False, **rates)

for line in sys.stdin:
    order = np.random.default_rng(json.loads(line)["seed"]).permutation(len(x))
    model.partial_fit(x[order], y[order], classes=[0, 1])
    with open(state, "wb") as file:
        pickle.dump(model, file)
    loss = log_loss(y_val, model.predict_proba(x_val))
    print(json.dumps({"metrics": {"val_loss": loss, "val_accuracy": model.score(x_val, y_val)}}))
