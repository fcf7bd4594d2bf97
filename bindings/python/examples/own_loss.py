"""A loss and a metric of one's own: the asymmetric square, which fears being too low."""

import gbt
import numpy as np

rng = np.random.default_rng(2)
X = rng.normal(size=(4000, 5)).astype(np.float32)
y = X[:, 0] * X[:, 1] + rng.normal(scale=0.5, size=4000)


def asymmetric(scores, dataset):
    """Gradient and Hessian of w (score - label)^2 / 2, where w = 4 below the label."""
    residual = scores - dataset.label
    weight = np.where(residual < 0, 4.0, 1.0)
    return weight * residual, weight


def share_below(scores, dataset):
    return "below", float(np.mean(scores < dataset.label)), False


curves = gbt.callback.record()
model = gbt.train(
    {"n_trees": 150, "objective": asymmetric, "metric": share_below},
    (X[:3000], y[:3000]),
    valid=(X[3000:], y[3000:]),
    callbacks=[curves, gbt.callback.early_stopping(20, metric="below")],
)
below = curves.curves["valid"]["below"]
print(
    f"{model.n_rounds} rounds; below the label: {below[0]:.2f} at first, {min(below):.2f} at best"
)
assert min(below) < 0.4
