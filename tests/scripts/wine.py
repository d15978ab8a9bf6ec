"""Writes examples/data/wine.csv: scikit-learn's wine data as a table with a column of texts and missing values.

Made with scikit-learn 1.9.1:

    pip install scikit-learn
    python tests/scripts/wine.py
"""

import pathlib
import random

from sklearn.datasets import load_wine

wine = load_wine()
rng = random.Random(0)


def field(name, value):
    # about one of 20 fields is missing
    if rng.random() < 0.05:
        return ""
    if name == "colour":
        return "pale" if value < 3.5 else "medium" if value < 6 else "deep"
    return f"{value:g}"


names = ["colour" if name == "color_intensity" else name for name in wine.feature_names]
names = [name.replace("od280/od315_of_diluted_wines", "dilution") for name in names]
lines = [",".join([*names, "cultivar"])]
for row, target in zip(wine.data, wine.target):
    fields = [field(name, value) for name, value in zip(names, row)]
    lines.append(",".join([*fields, wine.target_names[target]]))
path = pathlib.Path(__file__).parents[2] / "examples/data/wine.csv"
path.write_text("\n".join(lines) + "\n")
