"""Multi-task boosting: shops that behave alike, and one that does not."""

import gbt
import numpy as np

rng = np.random.default_rng(4)
X = rng.uniform(-2, 2, size=(3000, 4))
shop = np.array([f"shop {k}" for k in range(6)])[rng.integers(0, 6, 3000)]
sales = X[:, 0] ** 2 + X[:, 1]
sales = np.where(shop == "shop 5", 4 - sales, sales) + rng.normal(scale=0.2, size=3000)

columns = {f"x{k}": X[:, k] for k in range(4)}
data = gbt.Dataset(columns, sales, task=shop)
model = gbt.train_multitask({"objective": "regression"}, data)
for task in model.tasks:
    print(f"{task.name}: {task.train_rows} rows, outlier weight {task.outlier:.2f}")
error = np.sqrt(np.mean((model.predict(columns, shop) - sales) ** 2))
print(f"rmse {error:.3f}")
assert error < 0.4

alone = model.extract(0)  # an ordinary model for the first shop
assert np.allclose(
    alone.predict(columns)[shop == "shop 0"],
    model.predict(columns, shop)[shop == "shop 0"],
    atol=1e-4,
)
