"""Train, stop early, look at the model, save it and load it."""

import gbt
import numpy as np

rng = np.random.default_rng(1)
x = rng.uniform(0, 10, size=(5000, 4))
kind = np.array(["car", "bus", "train"])[rng.integers(0, 3, 5000)]
minutes = 3 * x[:, 0] + x[:, 1] ** 2 + 20 * (kind == "bus") + rng.normal(size=5000)

# Columns by name: texts are categories, numbers are numbers.
columns = {"distance": x[:, 0], "stops": x[:, 1], "noise": x[:, 2], "kind": kind}
train = {name: values[:4000] for name, values in columns.items()}
test = {name: values[4000:] for name, values in columns.items()}

curves = gbt.callback.record()
model = gbt.train(
    {"n_trees": 500, "learning_rate": 0.1, "metric": ["rmse", "mae"]},
    gbt.Dataset(train, minutes[:4000]),
    valid={"test": gbt.Dataset(test, minutes[4000:])},
    callbacks=[curves, gbt.callback.log(100)],
)
print(model, "best round", model.best_round)
for name, gain in sorted(model.importance().items(), key=lambda item: -item[1]):
    print(f"{name:10} {gain:14.0f}")

value, low, high = model.evaluate(test, minutes[4000:], metrics="rmse", resamples=200)["rmse"]
print(f"rmse {value:.3f}, 95 % interval {low:.3f} to {high:.3f}")
assert value < 2

model.save("minutes.gbt")
again = gbt.load("minutes.gbt")
shuffled = {name: test[name] for name in ("kind", "noise", "stops", "distance")}
assert (again.predict(shuffled) == model.predict(test)).all()
