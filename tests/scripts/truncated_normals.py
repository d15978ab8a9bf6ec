"""Quantiles of truncated standard normal numbers, as values that tests compare hobbit's with.

Writes tests/data/truncated_normals.txt. Made with mpmath 1.4.1, with 60 digits:

    pip install mpmath
    python tests/scripts/truncated_normals.py

A line has the bounds, the number in [0, 1), and the quantile. A number stands for an interval that is 2^-53 wide, so the quantile is
that of the interval's middle.
"""

import pathlib

from mpmath import erfc, inf, mp, mpf, sqrt

mp.dps = 60

RANGES = [
    (-1, 2), (-3, 3), (-0.5, 0.25), (-8, 8), (0, inf), (-inf, 0), (3, 7), (4.5, inf), (5, 6), (6, 37), (8, 9), (9, 12), (-12, -9),
    (2, 2.001), (9.9, 10.1), (10, 10.0001), (-10.0001, -10), (0, 40), (-40, 0), (20, 21), (-21, -20), (30, inf), (-inf, -30), (38, 40),
    (-40, -39.5),
]
UNITS = [0.0, 1e-9, 0.001, 0.25, 0.5, 0.875, 0.999, 1 - 2.0**-16]


def above(x):
    """The probability that a standard normal number is above x."""
    return mpf(0) if x == inf else mpf(1) if x == -inf else erfc(x / sqrt(mpf(2))) / 2


def quantile(low, high, unit):
    """By bisection, in the tail where the probabilities are small."""
    if low + high < 0:
        return -quantile(-high, -low, 1 - unit)
    probability = above(low) * (1 - unit) + above(high) * unit
    low, high = mpf(max(low, -50)), mpf(min(high, 50))
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if above(middle) > probability else (low, middle)
    return low


def shown(x):
    return repr(float(x))


lines = []
for low, high in RANGES:
    for unit in UNITS:
        x = quantile(mpf(low), mpf(high), mpf(unit) + mpf(2) ** -54)
        lines.append(f"{shown(low)} {shown(high)} {shown(unit)} {shown(x)}\n")
pathlib.Path(__file__).parents[1].joinpath("data", "truncated_normals.txt").write_text("".join(lines))
