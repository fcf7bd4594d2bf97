#!/usr/bin/env python3
"""Influence of training rows: formulas, removal, noise, speed.

    python3 benches/influence.py [--gbt build/release/gbt] [--parts formulas,removal,noise,speed]
                                 [--sets adult,concrete] [--targets 20] [--rows 3000]

`formulas`: every estimator against NumPy in double precision, from the dump and the leaves of the
model alone. `removal` and `noise`: two experiments of [Brophy23]. Removal takes the rows that help
a test row most by each estimator out of training, trains again and reports by how much the loss of
that row rose. Noise gives a share of the training rows another label and looks for them among the
rows with the lowest influence on a validation set, and among those with the highest influence on
themselves. `speed`: generated rows, top 100, time and memory. Real data from ../shared/data.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import DATA, GBT, OUT, Report, data_is_absent, enter_environment, run_gbt

PACKAGES = ["numpy", "pandas", "scikit-learn"]

# name: (files, label, columns to leave out, rounds, leaves as tuned in the paper)
SETS = {
    "adult": ("train.csv.gz", "income", [], 100, 31),
    "bank_marketing": ("bank_marketing.csv.gz", "y", [], 50, 31),
    "dry_bean": ("dry_bean.csv.gz", "Class", [], 25, 15),
    "concrete": ("concrete.csv", None, [], 200, 15),
    "credit_card": ("credit_card.csv.gz", "default payment next month", ["ID"], 50, 15),
    "energy": ("energy.csv", "Y1", ["Y2"], 200, 15),
    "german_credit": ("german_credit.csv", "class", [], 25, 15),
    "htru2": ("htru2.csv", None, [], 100, 15),
    "power_plant": ("power_plant.csv", None, [], 200, 61),
    "spambase": ("spambase.csv", None, [], 200, 31),
    "surgical": ("surgical.csv", None, [], 200, 15),
    "wine_quality": ("wine_quality.csv", "quality", [], 200, 91),
}
REGRESSION = {"concrete", "energy", "power_plant", "wine_quality"}
RATE, REG_LAMBDA = 0.1, 1.0


def load(name, rows, seed=1):
    """Training and test rows (80/20) with the label in `label`; at most `rows` training rows."""
    import pandas as pd
    from sklearn.model_selection import train_test_split

    file, label, leave_out, _, _ = SETS[name]
    found = DATA / name / file
    if not found.exists():
        found = sorted((DATA / name).glob("*.csv*"))[0]
    table = pd.read_csv(found, na_values=["?"]).drop(columns=leave_out)
    label = label or table.columns[-1]
    table = table.rename(columns={label: "label"}).dropna(subset=["label"])
    if name not in REGRESSION:
        table["label"] = table["label"].astype("category").cat.codes
    stratify = None if name in REGRESSION else table["label"]
    train, test = train_test_split(table, test_size=0.2, random_state=seed, stratify=stratify)
    return train.iloc[:rows].reset_index(drop=True), test.reset_index(drop=True)


class Model:
    """A model trained on a table, in a folder of its own, through the command line."""

    def __init__(self, gbt, folder, train, objective, rounds, leaves, **keys):
        self.gbt, self.folder = gbt, Path(folder)
        self.train, self.objective = train, objective
        self.path, self.train_path = self.folder / "model.gbt", self.folder / "train.csv"
        train.to_csv(self.train_path, index=False)
        keys.setdefault("min_child_samples", 1)
        run_gbt(
            gbt, "train", train=self.train_path, label="label", model=self.path,
            objective=objective, n_trees=rounds, max_leaves=leaves, learning_rate=RATE,
            reg_lambda=REG_LAMBDA, **keys,
        )  # fmt: skip

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

    def matrix(self, method, targets, **keys):
        """Influence [targets x training rows]."""
        import numpy as np

        path = self.folder / "influence.npy"
        run_gbt(
            self.gbt, "influence", model=self.path, train=self.train_path, label="label",
            data=self._write(targets, "targets.csv"), method=method, matrix=path, **keys,
        )  # fmt: skip
        return np.load(path)

    def vector(self, method, scope, targets=None, **keys):
        """Influence of every training row on all targets, or on itself."""
        import pandas as pd

        if targets is not None:
            keys["data"] = self._write(targets, "targets.csv")
        path = self.folder / "influence.csv"
        run_gbt(
            self.gbt, "influence", model=self.path, train=self.train_path, label="label",
            method=method, scope=scope, top_k=0, predictions=path, **keys,
        )  # fmt: skip
        table = pd.read_csv(path).sort_values("row")
        return table["influence"].to_numpy()

    def dump(self):
        text = subprocess.run(
            [self.gbt, "dump", f"model={self.path}", "format=json"],
            check=True, stdout=subprocess.PIPE, text=True,
        ).stdout  # fmt: skip
        return json.loads(text)


# ---- Formulas in NumPy ---------------------------------------------------------------------------


class Formulas:
    """Section by section what the estimators are defined to be [Brophy23, Sharchilev18], from leaf
    numbers and leaf values alone."""

    def __init__(self, model, targets):
        import numpy as np

        self.np, dump = np, model.dump()
        self.k, self.rounds = dump["outputs"], dump["rounds"]
        self.objective = model.objective
        self.value = [
            np.array(
                [n["value"] for n in sorted(
                    (n for n in t["nodes"] if "leaf" in n), key=lambda n: n["leaf"]
                )]
            )
            for t in dump["trees"]
        ]  # fmt: skip
        self.y = model.train["label"].to_numpy(dtype=float)
        self.y_target = targets["label"].to_numpy(dtype=float)
        self.leaf = model.predict(model.train, "leaf")
        self.leaf_target = model.predict(targets, "leaf")
        self.base = np.array(dump["base_score"])
        self.n = len(self.y)
        self.stages(self.y, self.leaf)

    def slopes(self, score, y):
        """g, h and the derivative of h, each [rows x outputs]."""
        np = self.np
        if self.objective == "regression":
            return score - y[:, None], np.ones_like(score), np.zeros_like(score)
        if self.objective == "binary":
            p = 1 / (1 + np.exp(-score))
            return p - y[:, None], p * (1 - p), p * (1 - p) * (1 - 2 * p)
        shifted = np.exp(score - score.max(axis=1, keepdims=True))
        p = shifted / shifted.sum(axis=1, keepdims=True)
        one = (y[:, None] == np.arange(self.k)[None, :]).astype(float)
        c = self.k / (self.k - 1)
        return p - one, c * p * (1 - p), c * p * (1 - p) * (1 - 2 * p)

    def loss(self, score, y):
        np = self.np
        if self.objective == "regression":
            return 0.5 * (score[:, 0] - y) ** 2
        if self.objective == "binary":
            return np.logaddexp(0, score[:, 0]) - y * score[:, 0]
        top = score.max(axis=1)
        total = top + np.log(np.exp(score - top[:, None]).sum(axis=1))
        return total - score[np.arange(len(y)), y.astype(int)]

    def start(self, n):
        return self.np.tile(self.base, (n, 1))

    def stages(self, y, leaf):
        """Every tree: leaf of the rows, g, h, slope of h, sums D and unshrunk values theta."""
        np = self.np
        score = self.start(self.n)
        self.tree = []
        for t in range(self.rounds):
            g, h, kappa = self.slopes(score, y)
            for k in range(self.k):
                tree = t * self.k + k
                at, n_leaves = leaf[:, tree], len(self.value[tree])
                total_g = np.bincount(at, g[:, k], n_leaves)
                d = np.bincount(at, h[:, k], n_leaves) + REG_LAMBDA
                count = np.bincount(at, minlength=n_leaves)
                self.tree.append(
                    (at, g[:, k], h[:, k], kappa[:, k], d, -total_g / d, count, k, tree)
                )
            for k in range(self.k):
                tree = t * self.k + k
                score[:, k] += self.value[tree][leaf[:, tree]]
        self.final = score

    def target_scores(self):
        np = self.np
        score, g = self.start(len(self.y_target)), []
        for t in range(self.rounds):
            gradient = self.slopes(score, self.y_target)[0]
            g += [gradient[:, k] for k in range(self.k)]
            for k in range(self.k):
                tree = t * self.k + k
                score[:, k] += self.value[tree][self.leaf_target[:, tree]]
        return np.array(g), score

    def boostin(self, power=0, term="exact"):
        np = self.np
        g_target = self.target_scores()[0]
        out = np.zeros((len(self.y_target), self.n))
        for at, g, h, _, d, theta, count, _, tree in self.tree:
            leaf_value = theta if term == "exact" else RATE * theta
            c = RATE * (g + leaf_value[at] * h) / d[at] / count[at] ** power
            same = self.leaf_target[:, tree][:, None] == at[None, :]
            out += same * g_target[tree][:, None] * c[None, :]
        return out

    def leaf_influence(self, everyone):
        """Derivative of the scores by the weight of each row, all rows following or the row
        only."""
        np = self.np
        final = self.target_scores()[1]
        g_final = self.slopes(final, self.y_target)[0]
        move = [np.zeros((self.n, self.n)) for _ in range(self.k)]  # [moved row x removed row]
        moved = np.zeros((self.k, len(self.y_target), self.n))
        for at, g, h, kappa, d, theta, _, k, tree in self.tree:
            n_leaves = len(theta)
            effect = np.zeros((n_leaves, self.n))
            effect[at, np.arange(self.n)] += g + theta[at] * h
            slope = (h + theta[at] * kappa)[:, None]
            if everyone:
                np.add.at(effect, at, move[k] * slope)
            else:
                own = np.diag(move[k]) * slope[:, 0]
                effect[at, np.arange(self.n)] += own
            change = -RATE * effect / d[:, None]
            moved[k] += change[self.leaf_target[:, tree]]
            if everyone:
                move[k] += change[at]
            else:
                diagonal = np.arange(self.n)
                move[k][diagonal, diagonal] += change[at, diagonal]
        return -np.einsum("tk,kti->ti", g_final, moved)

    def leaf_refit(self):
        """Without each row in turn: leaf values of the same trees computed again."""
        np = self.np
        before = self.loss(self.refit(np.ones(self.n)), self.y_target)
        out = np.zeros((len(self.y_target), self.n))
        for i in range(self.n):
            weight = np.ones(self.n)
            weight[i] = 0
            out[:, i] = self.loss(self.refit(weight), self.y_target) - before
        return out

    def refit(self, weight):
        np = self.np
        score, found = self.start(self.n), self.start(len(self.y_target))
        for t in range(self.rounds):
            g, h, _ = self.slopes(score, self.y)
            for k in range(self.k):
                tree = t * self.k + k
                at, n_leaves = self.leaf[:, tree], len(self.value[tree])
                top = np.bincount(at, weight * g[:, k], n_leaves)
                value = -RATE * top / (np.bincount(at, weight * h[:, k], n_leaves) + REG_LAMBDA)
                score[:, k] += value[at]
                found[:, k] += value[self.leaf_target[:, tree]]
        return found

    def leaf_sim(self):
        np = self.np
        out = np.zeros((len(self.y_target), self.n))
        for at, *_, count, _, tree in self.tree:
            same = self.leaf_target[:, tree][:, None] == at[None, :]
            out += same / (count[at] ** 2)[None, :]
        if self.objective == "regression":
            found = self.target_scores()[1][:, 0]
            low = (self.y_target <= found)[:, None]
            below, above = self.y[None, :] <= found[:, None], self.y[None, :] >= found[:, None]
            sign = np.where(low, np.where(below, 1, -1), np.where(above, 1, -1))
        else:
            sign = np.where(self.y[None, :] == self.y_target[:, None], 1, -1)
        return sign * out


def formulas_part(gbt, report):
    """Largest difference of each estimator in units of the largest influence on the same target."""
    import numpy as np

    methods = {
        "boostin": lambda f: f.boostin(),
        "boostin reference": lambda f: f.boostin(term="reference"),
        "boostin_w1": lambda f: f.boostin(1),
        "boostin_w2": lambda f: f.boostin(2),
        "leaf_influence_sp": lambda f: f.leaf_influence(False),
        "leaf_influence": lambda f: f.leaf_influence(True),
        "leaf_refit": lambda f: f.leaf_refit(),
        "leaf_sim": lambda f: f.leaf_sim(),
    }
    report.header("set", "objective", *methods)
    objectives = {"dry_bean": "multiclass"}
    for name in ("german_credit", "spambase", "concrete", "energy", "dry_bean", "htru2"):
        train, test = load(name, 400)
        objective = objectives.get(name, "regression" if name in REGRESSION else "binary")
        targets = test.iloc[:10]
        cells = []
        with tempfile.TemporaryDirectory() as work:
            model = Model(gbt, work, train, objective, 20, 8, gradient_bits=32)
            formulas = Formulas(model, targets)
            for text, expected in methods.items():
                method, _, term = text.partition(" ")
                found = model.matrix(method, targets, leaf_term=term or None)
                right = expected(formulas)
                scale = np.abs(right).max(axis=1, keepdims=True)
                cells.append(f"{(np.abs(found - right) / scale).max():.1e}")
        report.row(name, objective, *cells)
    report.line()


# ---- Removal -------------------------------------------------------------------------------------

REMOVAL = [
    "boostin", "leaf_influence_sp", "leaf_influence", "leaf_refit", "trex", "leaf_sim", "loo",
    "target", "random",
]  # fmt: skip
SHARES = (0.005, 0.01, 0.015, 0.02)


def objective_of(name, train):
    if name in REGRESSION:
        return "regression"
    return "binary" if train["label"].nunique() == 2 else "multiclass"


def removal_part(gbt, sets, n_targets, rows, report):
    """Mean rise of the target's loss relative to that of random removal; mean rank over the
    sets."""
    import numpy as np

    report.header("set", *REMOVAL)
    ranks, seconds = [], {m: [] for m in REMOVAL}
    for name in sets:
        train, test = load(name, rows)
        rounds, leaves = SETS[name][3:]
        objective = objective_of(name, train)
        targets = test.sample(n_targets, random_state=1).reset_index(drop=True)
        rises = {}
        with tempfile.TemporaryDirectory() as work:
            model = Model(gbt, work, train, objective, rounds, leaves)
            before = model.losses(targets)
            for method in REMOVAL:
                begin = time.monotonic()
                found = model.matrix(method, targets)
                seconds[method].append(time.monotonic() - begin)
                rise = []
                for t in range(n_targets):
                    order = np.argsort(-found[t], kind="stable")
                    for share in SHARES:
                        kept = np.delete(np.arange(len(train)), order[: int(share * len(train))])
                        with tempfile.TemporaryDirectory() as inner:
                            less = Model(gbt, inner, train.iloc[kept], objective, rounds, leaves)
                            rise.append(less.losses(targets.iloc[[t]])[0] - before[t])
                rises[method] = float(np.mean(rise))
        order = sorted(REMOVAL, key=lambda m: -rises[m])
        ranks.append([order.index(m) + 1 for m in REMOVAL])
        report.row(name, *[f"{rises[m]:.4g}" for m in REMOVAL])
    report.row("mean rank", *[f"{v:.2f}" for v in np.mean(ranks, axis=0)])
    report.row("seconds, median", *[f"{statistics.median(seconds[m]):.2f}" for m in REMOVAL])
    report.line()


# ---- Noise ---------------------------------------------------------------------------------------


def noise_part(gbt, sets, rows, share, report):
    """Share of the flipped rows among the suspicious 10, 20 and 30 % of the rows."""
    import numpy as np

    ways = [
        ("boostin", "global"), ("leaf_influence_sp", "global"), ("leaf_sim", "global"),
        ("boostin", "self"), ("loss", "self"), ("random", "self"),
    ]  # fmt: skip
    report.header(
        "set", "flipped", *[f"{m} {s}" for m, s in ways], "test loss: noisy", "boostin", "clean"
    )
    for name in sets:
        if name in REGRESSION:
            continue
        train, test = load(name, rows)
        rounds, leaves = SETS[name][3:]
        objective = objective_of(name, train)
        draw = np.random.default_rng(1)
        flipped = draw.choice(len(train), int(share * len(train)), replace=False)
        n = train["label"].nunique()
        noisy = train.copy()
        labels = noisy["label"].to_numpy(copy=True)
        labels[flipped] = (labels[flipped] + draw.integers(1, n, len(flipped))) % n
        noisy["label"] = labels
        check = test.iloc[: len(test) // 2].reset_index(drop=True)
        rest = test.iloc[len(test) // 2 :].reset_index(drop=True)
        cells = []
        with tempfile.TemporaryDirectory() as work:
            model = Model(gbt, work, noisy, objective, rounds, leaves)
            after = [model.losses(rest).mean()]
            for method, scope in ways:
                targets = check if scope == "global" else None
                found = model.vector(method, scope, targets)
                order = np.argsort(found if scope == "global" else -found, kind="stable")
                shares = [
                    np.isin(flipped, order[: int(f * len(train))]).mean() for f in (0.1, 0.2, 0.3)
                ]
                cells.append(" ".join(f"{100 * v:.0f}" for v in shares) + " %")
                if (method, scope) == ("boostin", "self"):
                    kept = np.sort(order[int(share * len(train)) :])
                    with tempfile.TemporaryDirectory() as inner:
                        less = Model(gbt, inner, noisy.iloc[kept], objective, rounds, leaves)
                        after.append(less.losses(rest).mean())
            with tempfile.TemporaryDirectory() as inner:
                clean = Model(gbt, inner, train, objective, rounds, leaves)
                after.append(clean.losses(rest).mean())
        report.row(name, f"{100 * share:.0f} %", *cells, *[f"{v:.4f}" for v in after])
    report.line()


# ---- Speed ---------------------------------------------------------------------------------------


def speed_part(gbt, gbt_synth, sizes, report):
    report.header("training rows", "targets", "trees", "seconds", "peak MB", "threads")
    with tempfile.TemporaryDirectory() as work:
        for n_train, n_targets in sizes:
            for rows, name in ((n_train, "train"), (n_targets, "targets")):
                with open(f"{work}/{name}.csv", "w") as out:
                    subprocess.run(
                        [gbt_synth, "higgs", f"rows={rows}", "seed=1"], check=True, stdout=out
                    )
            model = f"{work}/model.gbt"
            run_gbt(gbt, "train", train=f"{work}/train.csv", model=model, n_trees=100)
            for threads in (1, 2):
                begin = time.monotonic()
                child = subprocess.Popen(
                    [
                        gbt, "influence", f"model={model}", f"train={work}/train.csv",
                        f"data={work}/targets.csv", "top_k=100", f"threads={threads}",
                        f"predictions={work}/top.csv", "verbosity=quiet",
                    ]
                )  # fmt: skip
                _, status, usage = os.wait4(child.pid, 0)
                seconds = time.monotonic() - begin
                if status != 0:
                    sys.exit("gbt influence failed")
                report.row(
                    n_train, n_targets, 100, f"{seconds:.1f}", f"{usage.ru_maxrss / 1024:.0f}",
                    threads,
                )  # fmt: skip
    report.line()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--gbt", default=str(GBT))
    parser.add_argument("--gbt-synth", default=str(GBT.with_name("gbt-synth")))
    parser.add_argument("--parts", default="formulas,removal,noise,speed")
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--targets", type=int, default=20)
    parser.add_argument("--rows", type=int, default=3000)
    parser.add_argument("--sizes", default="10000x100,100000x1000")
    arguments = parser.parse_args()
    enter_environment(OUT / "venv", PACKAGES)
    report, parts = Report(), arguments.parts.split(",")
    sets = arguments.sets.split(",")
    if not data_is_absent("only generated rows are measured"):
        if "formulas" in parts:
            formulas_part(arguments.gbt, report)
        if "removal" in parts:
            removal_part(arguments.gbt, sets, arguments.targets, arguments.rows, report)
        if "noise" in parts:
            for share in (0.1, 0.4):
                noise_part(arguments.gbt, sets, arguments.rows, share, report)
    if "speed" in parts:
        sizes = [tuple(map(int, s.split("x"))) for s in arguments.sizes.split(",")]
        speed_part(arguments.gbt, arguments.gbt_synth, sizes, report)
    report.save(OUT / "influence.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())
