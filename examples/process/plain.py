"""The same as train.py without any package: logistic regression on points in the plane."""
import json, math, os, random, sys

draw = random.Random(0).uniform
points = [(draw(-1, 1), draw(-1, 1)) for _ in range(600)]
data = [((a, b, 1.0), float(0.7 * a - 0.4 * b + draw(-0.1, 0.1) > 0.1)) for a, b in points]
train, valid = data[:450], data[450:]

begin = json.loads(sys.stdin.readline())
hp, state = begin["hparams"], os.path.join(begin["directory"], "weights.json")
weights = json.load(open(state)) if begin["resume"] else [0.0, 0.0, 0.0]


def probability(x):
    return 1 / (1 + math.exp(-max(-30, min(30, sum(w * v for w, v in zip(weights, x))))))


for line in sys.stdin:
    random.Random(json.loads(line)["seed"]).shuffle(order := list(train))
    for x, y in order:
        error = probability(x) - y
        weights = [w - hp["eta0"] * (error * v + hp["alpha"] * w) for w, v in zip(weights, x)]
    with open(state, "w") as file:
        json.dump(weights, file)
    p = [(probability(x), y) for x, y in valid]
    loss = -sum(math.log(q if y else 1 - q) for q, y in p) / len(p)
    right = sum((q > 0.5) == (y > 0.5) for q, y in p) / len(p)
    print(json.dumps({"metrics": {"val_loss": loss, "val_accuracy": right}}))
