"""Influence finds rows whose label is wrong: they harm the predictions of clean rows."""

import gbt
import numpy as np

rng = np.random.default_rng(3)
X = rng.normal(size=(1000, 4))
label = (X[:, 0] + X[:, 1] > 0).astype(int)
wrong = rng.choice(800, 40, replace=False)
train_label = label[:800].copy()
train_label[wrong] = 1 - train_label[wrong]

train = gbt.Dataset(X[:800], train_label)
model = gbt.train({"objective": "binary", "n_trees": 50}, train)
influence = gbt.Influence(model, train, {"method": "boostin"})

harm = influence.sum(X[800:], label[800:])
suspects = np.argsort(harm)[:80]
found = len(set(suspects.tolist()) & set(wrong.tolist()))
print(f"of 40 wrong labels, {found} are among the 80 most harmful rows")
assert found >= 20

rows, values = influence.top(X[800:803], label[800:803], k=3)
print("rows that helped and harmed three predictions:", rows.tolist())
