"""Data sets of the influence experiments, and a model trained on one by the command line."""

import json
import subprocess
import tempfile
from pathlib import Path

from common import DATA, ROOT, run_gbt

RATE, REG_LAMBDA = 0.1, 1.0

# name: (file, label or None for the last column, columns to leave out, rounds and leaves as tuned
# in the paper; those of flights are the defaults)
SETS = {
    "adult": ("train.csv.gz", "income", [], 100, 31),
    "bank_marketing": ("bank_marketing.csv.gz", "y", [], 50, 31),
    "concrete": ("concrete.csv", None, [], 200, 15),
    "credit_card": ("credit_card.csv.gz", "default payment next month", ["ID"], 50, 15),
    "dry_bean": ("dry_bean.csv.gz", "Class", [], 25, 15),
    "energy": ("energy.csv", "Y1", ["Y2"], 200, 15),
    "flights": ("flights_train.csv.gz", "late", [], 100, 31),
    "german_credit": ("german_credit.csv", "class", [], 25, 15),
    "htru2": ("htru2.csv", None, [], 100, 15),
    "power_plant": ("power_plant.csv", None, [], 200, 61),
    "spambase": ("spambase.csv", None, [], 200, 31),
    "surgical": ("surgical.csv", None, [], 200, 15),
    "wine_quality": ("wine_quality.csv", "quality", [], 200, 91),
}
REGRESSION = {"concrete", "energy", "power_plant", "wine_quality"}


def read_set(name):
    """The table of a set with the label, last, in `label`; classes as numbers."""
    import pandas as pd

    file, label, leave_out = SETS[name][:3]
    folder = ROOT / "datasets" / "small" if name == "flights" else DATA / name
    found = folder / file
    if not found.exists():
        found = sorted(folder.glob("*.csv*"))[0]
    table = pd.read_csv(found, na_values=["?"]).drop(columns=leave_out)
    label = label or table.columns[-1]
    table = table.rename(columns={label: "label"}).dropna(subset=["label"])
    if name not in REGRESSION:
        table["label"] = table["label"].astype("category").cat.codes
    return table[[c for c in table.columns if c != "label"] + ["label"]]


def load(name, rows, seed=1):
    """Training and test rows (80/20), at most `rows` training rows."""
    from sklearn.model_selection import train_test_split

    table = read_set(name)
    stratify = None if name in REGRESSION else table["label"]
    train, test = train_test_split(table, test_size=0.2, random_state=seed, stratify=stratify)
    return train.iloc[:rows].reset_index(drop=True), test.reset_index(drop=True)


def objective_of(name, train):
    if name in REGRESSION:
        return "regression"
    return "binary" if train["label"].nunique() == 2 else "multiclass"


class Model:
    """A model trained on a table. Its files are in a folder of its own until close()."""

    def __init__(self, gbt, train, objective, rounds, leaves, **keys):
        self.gbt, self.train, self.objective = gbt, train, objective
        self.work = tempfile.TemporaryDirectory()
        self.folder = Path(self.work.name)
        self.path, self.train_path = self.folder / "model.gbt", self.folder / "train.csv"
        train.to_csv(self.train_path, index=False)
        keys.setdefault("min_child_samples", 1)
        run_gbt(
            gbt, "train", train=self.train_path, label="label", model=self.path,
            objective=objective, n_trees=rounds, max_leaves=leaves, learning_rate=RATE,
            reg_lambda=REG_LAMBDA, **keys,
        )  # fmt: skip

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.work.cleanup()

    def _write(self, table, name):
        path = self.folder / name
        table.to_csv(path, index=False)
        return path

    def predict(self, table, output):
        import pandas as pd

        data, found = self._write(table, "rows.csv"), self.folder / "found.csv"
        run_gbt(self.gbt, "predict", model=self.path, data=data, predictions=found, output=output)
        return pd.read_csv(found).to_numpy()

    def losses(self, table):
        """Loss of every row, as in the paper: from probabilities kept 1e-5 away from 0 and 1."""
        import numpy as np

        found, y = self.predict(table, "response"), table["label"].to_numpy()
        if self.objective == "regression":
            return 0.5 * (found[:, 0] - y) ** 2
        p = np.clip(found, 1e-5, 1 - 1e-5)
        if p.shape[1] == 1:
            return -np.where(y == 1, np.log(p[:, 0]), np.log(1 - p[:, 0]))
        return -np.log(p[np.arange(len(y)), y.astype(int)])

    def errors(self, table):
        """1 for every row whose class is not the most probable one."""
        import numpy as np

        found, y = self.predict(table, "response"), table["label"].to_numpy()
        return (found[:, 0] > 0.5 if found.shape[1] == 1 else np.argmax(found, axis=1)) != y

    def _influence(self, method, **keys):
        run_gbt(
            self.gbt, "influence", model=self.path, train=self.train_path, label="label",
            method=method, **keys,
        )  # fmt: skip

    def matrix(self, method, targets, **keys):
        """Influence [targets x training rows]."""
        import numpy as np

        path = self.folder / "influence.npy"
        self._influence(method, data=self._write(targets, "targets.csv"), matrix=path, **keys)
        return np.load(path)

    def vector(self, method, scope, targets=None, **keys):
        """Influence of every training row on all targets, or on itself."""
        import pandas as pd

        if targets is not None:
            keys["data"] = self._write(targets, "targets.csv")
        path = self.folder / "influence.csv"
        self._influence(method, scope=scope, top_k=0, predictions=path, **keys)
        return pd.read_csv(path).sort_values("row")["influence"].to_numpy()

    def dump(self):
        text = subprocess.run(
            [self.gbt, "dump", f"model={self.path}", "format=json"],
            check=True, stdout=subprocess.PIPE, text=True,
        ).stdout  # fmt: skip
        return json.loads(text)
