"""Prints what scikit-learn makes of the numbers in the tests of hobbit/src/train/whole.rs."""
import math

import numpy as np
from sklearn.metrics import f1_score, r2_score, roc_auc_score, top_k_accuracy_score


def whole(count, seed, levels):
    values, state = [], seed
    for _ in range(count):
        state = (state * 1664525 + 1013904223) % 2**32
        values.append((state >> 16) % levels)
    return np.array(values)


def numbers(count, seed, levels):
    return whole(count, seed, levels) / 8 - levels / 16


def softmax(z):
    # by math.exp: NumPy's has other last digits, by which equal probabilities become unequal
    e = np.array([[math.exp(value - max(row)) for value in row] for row in z])
    return e / e.sum(axis=1, keepdims=True)


z, y = numbers(400, 1, 41).reshape(100, 4), whole(100, 2, 4)
print("auc of four classes", repr(roc_auc_score(y, softmax(z), multi_class="ovr", average="macro")))
print("f1 of four classes", repr(f1_score(y, z.argmax(axis=1), average="macro")))
for k in (1, 2, 3):
    scores = z - 1e-9 * np.arange(4)  # of equal ones the first
    print("top", k, repr(top_k_accuracy_score(y, scores, k=k, labels=range(4))))
few = whole(100, 3, 2)
print("f1 with classes that are not there", repr(f1_score(few, z[:, :3].argmax(axis=1), average="macro")))
z, y = numbers(200, 4, 33).reshape(100, 2), whole(100, 5, 2)
print("auc of two classes", repr(roc_auc_score(y, z[:, 1] - z[:, 0])))
z = numbers(100, 6, 17)
print("auc of yes and no", repr(roc_auc_score(y, z)))
print("f1 of yes and no", repr(f1_score(y, z > 0, average="macro")))
z, y = numbers(300, 7, 41).reshape(100, 3), whole(300, 8, 2).reshape(100, 3)
print("auc of three questions", repr(roc_auc_score(y, z, average="macro")))
print("f1 of three questions", repr(f1_score(y, z > 0, average="macro")))
y = numbers(300, 9, 41).reshape(100, 3) + [100, 0, -5]
print("r2 of three numbers", repr(r2_score(y, z + [100, 0, -5])))
print("r2 of one number", repr(r2_score(y[:, 0], y[:, 0] + z[:, 1] / 4)))
