"""Boosted neural heads: a small network, grown a few units at a time, that can stop early."""

import gbt
import numpy as np

rng = np.random.default_rng(5)
X = rng.normal(size=(3000, 6)).astype(np.float32)
label = np.where(np.abs(X[:, 0]) + X[:, 1] > 1, "inside", "outside")

model = gbt.train_heads(
    {"units": 100, "units_per_step": 2, "learning_rate": 0.5},
    gbt.Dataset(X[:2000], label[:2000]),
    valid=gbt.Dataset(X[2000:], label[2000:]),
)
right = (model.predict(X[2000:], "class") == label[2000:]).mean()
classes, steps = model.predict_early(X[2000:], margin=2.0)
print(model)
print(f"{right:.3f} right with all {model.n_steps} steps; stopping early {steps.mean():.1f} steps")
assert right > 0.85
assert model.weights()["hidden_weight"].shape[1] == 6
