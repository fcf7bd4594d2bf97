#!/usr/bin/env python3
"""Sequentially boosted neural heads beside one-hidden-layer networks, our trees and gbnn.

    python3 benches/heads.py [--gbt build/release/gbt] [--parts reference,nested,time]
                             [--sets wine,sonar] [--folds 5] [--inner 3] [--grid short]
                             [--methods heads,adam,lbfgs,trees] [--jobs 2]

`reference`: the settings and folds whose scores of the published program (gbnn 0.0.2) are known, on
data that comes with scikit-learn, and the score after a part of the units. `nested`: nested
cross-validation [Emami23] with a search over units a step, learning rate and subsample (--grid
full: the whole grid of the papers), beside scikit-learn's MLP trained by Adam and by L-BFGS with a
search over its size, and trees of gbt with a search over leaves and learning rate, on
classification and multi-target sets of the papers. `time`: fits of gbt and of gbnn at equal
settings, in turn, one thread each; processor time, so that a shared machine matters little. gbt
runs through the command line; the other networks see inputs that are standardised with the training
rows. `nested` reads ../shared/data.

gbnn 0.0.2 does not work with a newer scikit-learn than the one below; after the first run:
build/bench/heads/bin/pip install --no-deps gbnn==0.0.2
"""

import argparse
import itertools
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

from common import DATA, GBT, OUT, Report, data_is_absent, enter_environment, run_gbt

PACKAGES = ["numpy<2", "pandas<2.2", "scikit-learn==1.2.1", "scipy<1.12", "tabulate", "seaborn"]

# name: file or files, number of label columns at the end (or the label), columns to leave out
CLASSES = {
    "wine": ("wine.csv", "class"),
    "sonar": ("sonar.csv", "class"),
    "cleveland": ("cleveland.csv", "Num"),
    "ionosphere": ("ionosphere.csv", "class"),
    "breast_cancer": ("breast_cancer.csv", "benign"),
    "australian": ("australian.csv", "class"),
    "pima_diabetes": ("pima_diabetes.csv", "class"),
    "vowel": ("vowel.csv", "Class"),
    "german_credit": ("german_credit.csv", "class"),
    "banknote": ("banknote.csv", "class"),
    "digits": ("digits.csv", "digit"),
    "waveform": ("waveform.csv", "target"),
    "spambase": ("spambase.csv", "type"),
}
TARGETS = {
    "energy": ("energy.csv", 2),
    "see_click_fix": ("see_click_fix.csv", 3),
    "water_quality": ("water_quality.csv", 14),
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


def heads_grid(units, rates, shares):
    names = ("units_per_step", "learning_rate", "subsample")
    return [dict(zip(names, values)) for values in itertools.product(units, rates, shares)]


SHORT_GRID = heads_grid((1, 3), (0.1, 0.5), (0.5, 1))
FULL_GRIDS = {  # of classification and of several targets
    True: heads_grid((1, 2, 3, 4), (0.025, 0.05, 0.1, 0.5, 1), (0.25, 0.5, 0.75, 1)),
    False: heads_grid((1, 2, 3), (0.025, 0.1, 0.5, 1), (0.5, 0.75, 1)),
}
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


def objective_of(y, is_classes):
    if not is_classes:
        return "regression"
    return "binary" if y.iloc[:, 0].nunique() == 2 else "multiclass"


def gbt_scores(gbt, verb, keys, x_train, y_train, x_test, y_test, is_classes, stops=(0,)):
    """Scores of a fit with its first `stops` steps (0: all). Labels are y0, y1, ..."""
    import pandas as pd

    labels, objective = list(y_train.columns), objective_of(y_train, is_classes)
    with tempfile.TemporaryDirectory() as work:
        train, test, model = f"{work}/train.csv", f"{work}/test.csv", f"{work}/model.gbt"
        pd.concat([x_train, y_train], axis=1).to_csv(train, index=False)
        x_test.to_csv(test, index=False)
        run_gbt(
            gbt, verb, train=train, label=",".join(labels), model=model, threads=1,
            objective=objective, **keys,
        )  # fmt: skip
        if any(stops):  # training ends sooner when the residuals have vanished
            said = subprocess.check_output([gbt, "info", f"model={model}", "--json"])
            stops = [min(stop, json.loads(said)["steps"]) for stop in stops]
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
    options = {"hidden_layer_sizes": (keys["units"],), "solver": solver, "max_iter": 200}
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


METHODS = {
    "heads": "gbt heads",
    "adam": "MLP Adam",
    "lbfgs": "MLP L-BFGS",
    "trees": "gbt trees",
}
GRIDS = {"heads": SHORT_GRID, "adam": MLP_GRID, "lbfgs": MLP_GRID, "trees": TREE_GRID}


def outer_fold(method, gbt, grid, x, y, is_classes, inner, fold):
    """The score on the test rows with the settings that are best in folds of the training rows."""

    def rows_of(x, y, rows):
        return x.iloc[rows].reset_index(drop=True), y.iloc[rows].reset_index(drop=True)

    warnings.filterwarnings("ignore")  # the MLPs say that they have not converged
    train, test = fold
    x_train, y_train = rows_of(x, y, train)
    best = None
    for keys in grid:
        total = 0.0
        for kept, held in folds_of(x_train, y_train, is_classes, inner):
            parts = rows_of(x_train, y_train, kept) + rows_of(x_train, y_train, held)
            total += fit_one(method, gbt, keys, *parts, is_classes)
        total = total if is_classes else -total
        if best is None or total > best[0]:
            best = (total, keys)
    return fit_one(method, gbt, best[1], x_train, y_train, *rows_of(x, y, test), is_classes)


def nested_part(arguments, report):
    methods = arguments.methods.split(",")
    report.header("set", "measure", *[METHODS[method] for method in methods])
    for name in arguments.sets.split(","):
        x, y, is_classes = load(name)
        folds = folds_of(x, y, is_classes, arguments.folds)
        cells = []
        for method in methods:
            grid = GRIDS[method]
            if method == "heads" and arguments.grid == "full":
                grid = FULL_GRIDS[is_classes]
            fixed = (method, arguments.gbt, grid, x, y, is_classes, arguments.inner)
            with ProcessPoolExecutor(arguments.jobs) as pool:
                runs = [pool.submit(outer_fold, *fixed, fold) for fold in folds]
                scores = [run.result() for run in runs]
            cells.append(f"{statistics.mean(scores):.4f} +- {statistics.pstdev(scores):.4f}")
        report.row(name, "accuracy" if is_classes else "RMSE / deviation", *cells)
    report.line()


# ---- Time ---------------------------------------------------------------------------------------

TIMED = {"units": 200, "units_per_step": 1, "learning_rate": 0.1, "subsample": 0.5}


def heads_seconds(gbt, keys, x, y, is_classes, work):
    """Processor seconds of the whole program: start, reading, training, saving."""
    import pandas as pd

    pd.concat([x, y], axis=1).to_csv(f"{work}/train.csv", index=False)
    files = {"train": f"{work}/train.csv", "model": f"{work}/m.gbt", "label": "y0", "threads": 1}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run_gbt(gbt, "heads", objective=objective_of(y, is_classes), **files, **keys)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def gbnn_fit(gbnn, x, y, x_test, y_test, is_classes):
    """Processor seconds of fit() alone, and the score."""
    from sklearn.preprocessing import StandardScaler

    scale = StandardScaler().fit(x)
    kind = gbnn.GNEGNEClassifier if is_classes else gbnn.GNEGNERegressor
    model = kind(
        total_nn=200, num_nn_step=1, eta=0.1, solver="lbfgs", subsample=0.5, max_iter=200, tol=0.0,
        random_state=1, activation="logistic",
    )  # fmt: skip
    z, label = scale.transform(x), y.iloc[:, 0].to_numpy()
    begin = time.process_time()
    model.fit(z, label)
    seconds = time.process_time() - begin
    found = model.predict(scale.transform(x_test)).reshape(-1, 1)
    return seconds, score(y_test.to_numpy(), found, is_classes)


def time_part(gbt, report):
    from sklearn import datasets

    try:
        import gbnn
    except ImportError:
        report.line("SKIPPED: gbnn is not in this environment (the head of this file says how)")
        return
    warnings.filterwarnings("ignore")
    report.header("set", "gbt heads, s", "gbnn, s", "ratio", "score gbt", "score gbnn")
    for name in KNOWN:
        x, y = frame(*getattr(datasets, f"load_{name}")(return_X_y=True))
        is_classes = name != "diabetes"
        seconds, scores = [], []
        for train, test in folds_of(x, y, is_classes, 5):
            parts = [t.iloc[rows].reset_index(drop=True) for rows in (train, test) for t in (x, y)]
            with tempfile.TemporaryDirectory() as work:
                mine = heads_seconds(gbt, TIMED, *parts[:2], is_classes, work)
            theirs, their_score = gbnn_fit(gbnn, *parts, is_classes)
            seconds.append((mine, theirs))
            scores.append((gbt_scores(gbt, "heads", TIMED, *parts, is_classes)[0], their_score))
        mine, theirs = (statistics.median(column) for column in zip(*seconds))
        ratio = statistics.median(b / a for a, b in seconds)
        means = [f"{statistics.mean(column):.4f}" for column in zip(*scores)]
        report.row(name, f"{mine:.3f}", f"{theirs:.2f}", f"{ratio:.1f}", *means)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--gbt", default=str(GBT))
    parser.add_argument("--parts", default="reference,nested,time")
    parser.add_argument("--sets", default=",".join([*CLASSES, *TARGETS]))
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--inner", type=int, default=3)
    parser.add_argument("--grid", choices=["short", "full"], default="short")
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")  # before NumPy is loaded
    enter_environment(OUT / "heads", PACKAGES)
    report, parts = Report(), arguments.parts.split(",")
    if "reference" in parts:
        reference_part(arguments.gbt, arguments.jobs, report)
    if "nested" in parts and not data_is_absent("nested cross-validation does not run"):
        nested_part(arguments, report)
    if "time" in parts:
        time_part(arguments.gbt, report)
    report.save(OUT / "heads.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())
