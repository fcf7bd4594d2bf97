#!/usr/bin/env python3
"""Sequentially boosted neural heads beside one-hidden-layer networks, our trees and gbnn.

    python3 benches/heads.py [--gbt build/release/gbt] [--parts reference,nested,time]
                             [--sets wine,sonar] [--folds 10] [--inner 3] [--jobs 2]

`reference`: the settings and folds whose scores of the published program (gbnn 0.0.2) are known, on
data that comes with scikit-learn, and the score after a part of the units. `nested`: nested
cross-validation [Emami23] with a search over units a step, learning rate and subsample, beside
scikit-learn's MLP trained by Adam and by L-BFGS with a search over its size, and trees of gbt with
search over leaves and learning rate, on the classification and multi-target sets of the papers.
`time`: one fit of gbt and of gbnn at equal settings, in turn. All through the command line; network
libraries see inputs that are standardised with the training rows. `nested` reads ../shared/data.
"""

import argparse
import itertools
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from common import DATA, GBT, OUT, Report, data_is_absent, enter_environment, run_gbt

PACKAGES = ["numpy", "pandas", "scikit-learn", "scipy", "tabulate", "seaborn"]

# name: file or files, number of label columns at the end (or the label), columns to leave out
CLASSES = {
    "australian": ("australian.csv", "class"),
    "banknote": ("banknote.csv", "class"),
    "breast_cancer": ("breast_cancer.csv", "benign"),
    "cleveland": ("cleveland.csv", "Num"),
    "digits": ("digits.csv", "digit"),
    "german_credit": ("german_credit.csv", "class"),
    "ionosphere": ("ionosphere.csv", "class"),
    "pima_diabetes": ("pima_diabetes.csv", "class"),
    "sonar": ("sonar.csv", "class"),
    "spambase": ("spambase.csv", "type"),
    "vowel": ("vowel.csv", "Class"),
    "waveform": ("waveform.csv", "target"),
    "wine": ("wine.csv", "class"),
}
TARGETS = {
    "energy": ("energy.csv", 2),
    "water_quality": ("water_quality.csv", 14),
    "see_click_fix": ("see_click_fix.csv", 3),
    "airline_tickets": ("airline_tickets.csv", 6),
}

# Scores of gbnn 0.0.2 with scikit-learn 1.2.1 for the settings below, mean and deviation over
# folds.
SETTINGS = [
    ("rate 1, 1 unit, 1/2", 1.0, 1, 0.5),
    ("rate 0.1, 1 unit, 1/2", 0.1, 1, 0.5),
    ("rate 0.1, 3 units, 1/2", 0.1, 3, 0.5),
    ("rate 0.5, 1 unit, all rows", 0.5, 1, 1.0),
]
KNOWN = {
    "breast_cancer": (
        "0.9666 +- 0.0241",
        "0.9701 +- 0.0177",
        "0.9667 +- 0.0254",
        "0.9684 +- 0.0233",
    ),
    "wine": ("0.8444 +- 0.2580", "0.9775 +- 0.0276", "0.9719 +- 0.0281", "0.9719 +- 0.0281"),
    "diabetes": ("92.75 +- 12.56", "57.50 +- 3.87", "56.42 +- 3.39", "62.88 +- 7.11"),
    "digits": ("0.6062 +- 0.4144", "", "0.9688 +- 0.0041", "0.9616 +- 0.0092"),
}
SHARES = (0.05, 0.125, 0.25, 0.5, 0.75, 1.0)

HEADS_GRID = [
    {"units_per_step": j, "learning_rate": rate, "subsample": share}
    for j, rate, share in itertools.product((1, 3), (0.1, 0.5), (0.5, 1))
]
MLP_GRID = [{"units": n} for n in (5, 20, 100, 200)]
TREE_GRID = [
    {"max_leaves": leaves, "learning_rate": rate}
    for leaves, rate in itertools.product((4, 15, 31), (0.05, 0.1))
]


def score(truth, found, is_classes):
    """Accuracy, or the mean over the targets of the RMSE in units of the target's deviation."""
    import numpy as np

    if is_classes:
        return float(np.mean(np.asarray(truth).ravel() == np.asarray(found).ravel()))
    error = np.sqrt(np.mean((truth - found) ** 2, axis=0))
    return float(np.mean(error))


def gbt_scores(gbt, verb, keys, x_train, y_train, x_test, y_test, is_classes, stops=(0,)):
    """Scores of a fit with its first `stops` steps (0: all). Labels are y0, y1, ..."""
    import pandas as pd

    labels = list(y_train.columns)
    with tempfile.TemporaryDirectory() as work:
        train, test, model = f"{work}/train.csv", f"{work}/test.csv", f"{work}/model.gbt"
        pd.concat([x_train, y_train], axis=1).to_csv(train, index=False)
        x_test.to_csv(test, index=False)
        run_gbt(
            gbt, verb, train=train, label=",".join(labels), model=model, threads=1,
            objective=None if is_classes else "regression", **keys,
        )  # fmt: skip
        scores = []
        for stop in stops:
            text = f"{work}/found.csv"
            run_gbt(
                gbt, "predict", model=model, data=test, predictions=text, threads=1,
                output="class" if is_classes else "response", trees_to=stop or None,
            )  # fmt: skip
            found = pd.read_csv(text)
            if is_classes:
                found, truth = found.iloc[:, 0].astype(str), y_test.iloc[:, 0].astype(str)
                scores.append(score(truth, found, True))
            else:
                scores.append(score(y_test.to_numpy(), found.to_numpy(), False))
    return scores


def frame(x, y):
    import numpy as np
    import pandas as pd

    x = np.asarray(x)
    y = np.asarray(y)
    y = y.reshape(len(y), -1)
    return (
        pd.DataFrame(x, columns=[f"f{i}" for i in range(x.shape[1])]),
        pd.DataFrame(y, columns=[f"y{i}" for i in range(y.shape[1])]),
    )


def folds_of(x, y, is_classes, n):
    from sklearn.model_selection import KFold, StratifiedKFold

    if is_classes:
        return list(StratifiedKFold(n, shuffle=True, random_state=1).split(x, y.iloc[:, 0]))
    return list(KFold(n, shuffle=True, random_state=1).split(x))


# ---- The settings whose scores are known --------------------------------------------------------


def reference_part(gbt, jobs, report):
    import numpy as np
    from sklearn import datasets

    report.header("set", "settings", "gbt heads", "gbnn", *[f"{s:g} of the units" for s in SHARES])
    for name in KNOWN:
        x, y = frame(*getattr(datasets, f"load_{name}")(return_X_y=True))
        is_classes = name != "diabetes"
        folds = folds_of(x, y, is_classes, 5 if name == "digits" else 10)
        for (text, rate, j, share), known in zip(SETTINGS, KNOWN[name]):
            steps = 200 // j
            stops = [max(1, round(s * steps)) for s in SHARES]

            def fit(numbered, rate=rate, j=j, share=share, stops=stops):
                fold, (train, test) = numbered
                keys = {"units": 200, "units_per_step": j, "learning_rate": rate}
                keys.update(subsample=share if share < 1 else None, seed=fold)
                return gbt_scores(
                    gbt, "heads", keys, x.iloc[train].reset_index(drop=True),
                    y.iloc[train].reset_index(drop=True), x.iloc[test],
                    y.iloc[test].reset_index(drop=True), is_classes, stops,
                )  # fmt: skip

            with ThreadPoolExecutor(jobs) as pool:
                scores = np.array(list(pool.map(fit, enumerate(folds))))
            digits = 4 if is_classes else 2
            report.row(
                name,
                text,
                f"{scores[:, -1].mean():.{digits}f} +- {scores[:, -1].std():.{digits}f}",
                known, *[f"{v:.{digits}f}" for v in scores.mean(axis=0)],
            )  # fmt: skip
    report.line()


# ---- Nested cross-validation --------------------------------------------------------------------


def load(name):
    """Features (numbers, one-hot for texts) and targets; targets in units of their deviation."""
    import pandas as pd

    if name in CLASSES:
        file, label = CLASSES[name]
        table = pd.read_csv(DATA / name / file)
        y = table[[label]].astype(str)
        x = table.drop(columns=[label])
    else:
        file, n = TARGETS[name]
        table = pd.read_csv(DATA / name / file, na_values=["?"])
        y = table.iloc[:, -n:]
        y = (y - y.mean()) / y.std(ddof=0)
        x = table.iloc[:, :-n]
        x = x.fillna(x.median(numeric_only=True))
    x = pd.get_dummies(x, dtype=float)
    x.columns = [f"f{i}" for i in range(x.shape[1])]
    y.columns = [f"y{i}" for i in range(y.shape[1])]
    return x, y, name in CLASSES


def mlp_score(solver, keys, x_train, y_train, x_test, y_test, is_classes):
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.preprocessing import StandardScaler

    scale = StandardScaler().fit(x_train)
    options = {"hidden_layer_sizes": (keys["units"],), "solver": solver, "max_iter": 300}
    options.update(activation="logistic", random_state=1)
    kind = MLPClassifier if is_classes else MLPRegressor
    y = y_train.iloc[:, 0] if y_train.shape[1] == 1 else y_train.to_numpy()
    model = kind(**options).fit(scale.transform(x_train), y)
    found = model.predict(scale.transform(x_test))
    return score(y_test.to_numpy(), found.reshape(y_test.shape), is_classes)


def fit_one(method, gbt, keys, *data):
    if method == "heads":
        return gbt_scores(gbt, "heads", {"units": 200, **keys}, *data)[0]
    if method == "trees":
        return gbt_scores(gbt, "train", {"n_trees": 100, "min_child_samples": 5, **keys}, *data)[0]
    return mlp_score(method, keys, *data)


GRIDS = {"heads": HEADS_GRID, "adam": MLP_GRID, "lbfgs": MLP_GRID, "trees": TREE_GRID}


def outer_fold(method, gbt, x, y, is_classes, train, test, inner):
    """The score on the test rows with the settings that are best in folds of the training rows."""

    def rows_of(x, y, rows):
        return x.iloc[rows].reset_index(drop=True), y.iloc[rows].reset_index(drop=True)

    x_train, y_train = rows_of(x, y, train)
    best = None
    for keys in GRIDS[method]:
        total = 0.0
        for kept, held in folds_of(x_train, y_train, is_classes, inner):
            parts = rows_of(x_train, y_train, kept) + rows_of(x_train, y_train, held)
            total += fit_one(method, gbt, keys, *parts, is_classes)
        total = total if is_classes else -total
        if best is None or total > best[0]:
            best = (total, keys)
    return fit_one(method, gbt, best[1], x_train, y_train, *rows_of(x, y, test), is_classes)


def nested_part(gbt, sets, n_folds, inner, jobs, report):
    import warnings

    warnings.filterwarnings("ignore")
    report.header("set", "measure", "gbt heads", "MLP Adam", "MLP L-BFGS", "gbt trees")
    for name in sets:
        x, y, is_classes = load(name)
        cells = []
        for method in ("heads", "adam", "lbfgs", "trees"):
            folds = folds_of(x, y, is_classes, n_folds)
            with ThreadPoolExecutor(jobs) as pool:
                scores = list(
                    pool.map(
                        lambda f, m=method: outer_fold(m, gbt, x, y, is_classes, *f, inner), folds
                    )
                )
            cells.append(f"{statistics.mean(scores):.4f} +- {statistics.pstdev(scores):.4f}")
        report.row(name, "accuracy" if is_classes else "RMSE / deviation", *cells)
    report.line()


# ---- Time ---------------------------------------------------------------------------------------


def time_part(gbt, report):
    """Whole process of gbt (reading and saving included) against the fit call alone of gbnn."""
    import numpy as np
    from sklearn import datasets
    from sklearn.preprocessing import StandardScaler

    try:
        import gbnn
    except ImportError:
        report.line("SKIPPED: gbnn is not in this environment (pip install --no-deps gbnn)")
        return
    report.header("set", "gbt heads, s", "gbnn, s", "ratio", "score gbt", "score gbnn")
    for name in ("breast_cancer", "wine", "diabetes", "digits"):
        x, y = frame(*getattr(datasets, f"load_{name}")(return_X_y=True))
        is_classes = name != "diabetes"
        train, test = folds_of(x, y, is_classes, 5)[0]
        seconds, found = {"gbt": [], "gbnn": []}, {}
        for _ in range(3):
            begin = time.monotonic()
            keys = {"units": 200, "units_per_step": 1, "learning_rate": 0.1, "subsample": 0.5}
            found["gbt"] = gbt_scores(
                gbt, "heads", keys, x.iloc[train].reset_index(drop=True),
                y.iloc[train].reset_index(drop=True), x.iloc[test],
                y.iloc[test].reset_index(drop=True), is_classes,
            )[0]  # fmt: skip
            seconds["gbt"].append(time.monotonic() - begin)
            scale = StandardScaler().fit(x.iloc[train])
            kind = gbnn.GNEGNEClassifier if is_classes else gbnn.GNEGNERegressor
            model = kind(
                total_nn=200, num_nn_step=1, eta=0.1, solver="lbfgs", subsample=0.5, max_iter=200,
                tol=0.0, random_state=1, activation="logistic",
            )  # fmt: skip
            begin = time.monotonic()
            model.fit(scale.transform(x.iloc[train]), y.iloc[train, 0].to_numpy())
            seconds["gbnn"].append(time.monotonic() - begin)
            answer = np.asarray(model.predict(scale.transform(x.iloc[test]))).reshape(-1, 1)
            found["gbnn"] = score(y.iloc[test].to_numpy(), answer, is_classes)
        median = {k: statistics.median(v) for k, v in seconds.items()}
        report.row(
            name, f"{median['gbt']:.2f}", f"{median['gbnn']:.2f}",
            f"{median['gbnn'] / median['gbt']:.1f}", f"{found['gbt']:.4f}", f"{found['gbnn']:.4f}",
        )  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--gbt", default=str(GBT))
    parser.add_argument("--parts", default="reference,nested,time")
    parser.add_argument("--sets", default=",".join([*CLASSES, *TARGETS]))
    parser.add_argument("--folds", type=int, default=10)
    parser.add_argument("--inner", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    enter_environment(OUT / "venv", PACKAGES)
    report, parts = Report(), arguments.parts.split(",")
    if "reference" in parts:
        reference_part(arguments.gbt, arguments.jobs, report)
    if "nested" in parts and not data_is_absent("nested cross-validation does not run"):
        sets = arguments.sets.split(",")
        nested_part(arguments.gbt, sets, arguments.folds, arguments.inner, arguments.jobs, report)
    if "time" in parts:
        time_part(arguments.gbt, report)
    report.save(OUT / "heads.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())
