#!/usr/bin/env python3
"""Test error of gbt beside LightGBM and XGBoost at equal trees, leaves, bins and learning rate.

    python3 benches/quality.py [--gbt build/release/gbt] [--sets adult,letter] [--out DIR]

Makes its own Python environment from PyPI on the first run. Every set is split into folds (row
index modulo 5; files of one set are put together first), every library trains on the same rows and
columns, and one function computes the metrics for all of them: AUC or accuracy, and log loss, for
classes, the Poisson loss for counts, RMSE otherwise. Prints and writes one Markdown table and the
rows as CSV. The data is read from ../shared/data; without it the bench says so and stops.
"""

import argparse
import csv
import subprocess
import sys
import tempfile
from pathlib import Path

from common import DATA, GBT, OUT, Report, data_is_absent, enter_environment

PACKAGES = ["lightgbm", "xgboost", "scikit-learn", "pandas", "numpy"]

TREES, LEAVES, RATE, BINS, LAMBDA = 200, 31, 0.1, 255, 1.0


def smallest_leaf(task):
    """Rows and Hessian sum that a leaf needs. XGBoost knows the sum only, so for classes and counts
    the sum limits all three; for squared error a row's Hessian is 1 and both say the same."""
    return (20, 20.0) if task == "regression" else (1, 1.0)


# name: (files, label, task, columns to leave out, categorical columns beside the text columns)
SETS = {
    "adult": (["train.csv.gz", "test.csv.gz"], "income", "binary", [], []),
    "bank_marketing": (["bank_marketing.csv.gz"], "y", "binary", [], []),
    "credit_card": (["credit_card.csv.gz"], "default payment next month", "binary", ["ID"], []),
    "magic04": (["magic04.csv.gz"], "target", "binary", [], []),
    "spambase": (["spambase.csv"], None, "binary", [], []),
    "telco_churn": (["telco_churn.csv"], "churn", "binary", [], []),
    "covtype_2v4": (["covtype_2v4.csv.gz"], "is_class4", "binary", [], []),
    "amazon_access": (["amazon_access.csv.gz"], "ACTION", "binary", [], "all"),
    "flights2013": (
        ["flights2013.csv.gz"],
        "arr_delay",
        "late",
        ["arr_time", "air_time", "tailnum"],
        [],
    ),
    "letter": (["letter.csv"], "lettr", "multiclass", [], []),
    "dry_bean": (["dry_bean.csv.gz"], "Class", "multiclass", [], []),
    "satimage": (["train.csv", "test.csv"], "class", "multiclass", [], []),
    "california_housing": (
        ["california_housing.csv.gz"],
        "median_house_value",
        "regression",
        [],
        [],
    ),
    "diamonds": (["diamonds.csv.gz"], "price", "regression", [], []),
    "bike_sharing": (
        ["bike_sharing.csv"],
        "cnt",
        "regression",
        ["casual", "registered", "instant", "dteday"],
        [],
    ),
    "protein": (["protein.csv.gz"], "RMSD", "regression", [], []),
    "wine_quality": (["wine_quality.csv"], "quality", "regression", [], []),
    "power_plant": (["power_plant.csv"], None, "regression", [], []),
    "fremtpl2": (["frequency.csv.gz"], "ClaimNb", "poisson", ["IDpol"], []),
    "a9a": (["train.libsvm.gz", "test.libsvm"], None, "libsvm", [], []),
    "reuters": (["train.libsvm.gz", "test.libsvm.gz"], None, "libsvm", [], []),
}


def load_csv(name):
    import pandas as pd

    files, label, task, leave_out, extra = SETS[name]
    folder = DATA / name
    found = [folder / f for f in files]
    if not found[0].exists():
        found = sorted(folder.glob("*.csv*"))[:1]
    parts = [pd.read_csv(f, na_values=["?"], low_memory=False) for f in found]
    table = pd.concat(parts, ignore_index=True)
    label = label or table.columns[-1]
    table = table.dropna(subset=[label])
    if task == "late":
        table[label] = (table[label].astype(float) > 15).astype(int)
        task = "binary"
    table = table.drop(columns=[c for c in leave_out if c in table.columns]).reset_index(drop=True)
    categorical = [
        c
        for c in table.columns
        if c != label
        and (not pd.api.types.is_numeric_dtype(table[c]) or extra == "all" or c in extra)
    ]
    for column in categorical:
        text = table[column].map(lambda v: None if pd.isna(v) else str(v))
        table[column] = pd.Categorical(text)
    return table, label, task, categorical


def fold_rows(n_rows, folds):
    import numpy as np

    index = np.arange(n_rows)
    for fold in range(folds):
        yield index[index % 5 != fold], index[index % 5 == fold]


def measure(task, y, prediction, classes):
    """(metric of the table, loss): AUC or accuracy and log loss; RMSE or Poisson loss twice."""
    import numpy as np
    from sklearn.metrics import log_loss, roc_auc_score

    prediction = np.asarray(prediction, dtype=float)
    if task in ("binary", "libsvm"):
        return roc_auc_score(y, prediction), log_loss(y, np.clip(prediction, 1e-15, 1 - 1e-15))
    if task == "multiclass":
        shares = prediction / prediction.sum(axis=1, keepdims=True)
        return float(np.mean(shares.argmax(axis=1) == y)), log_loss(
            y, shares, labels=list(range(classes))
        )
    if task == "poisson":
        mean = np.maximum(prediction, 1e-15)
        loss = float(np.mean(mean - y * np.log(mean)))
    else:
        loss = float(np.sqrt(np.mean((prediction - y) ** 2)))
    return loss, loss


# Names that gbt and LightGBM share.
OBJECTIVE = {
    "binary": "binary",
    "libsvm": "binary",
    "multiclass": "multiclass",
    "poisson": "poisson",
}

METRIC = {
    "binary": "AUC",
    "libsvm": "AUC",
    "multiclass": "accuracy",
    "poisson": "Poisson loss",
    "regression": "RMSE",
}


def percent_worse(task, ours, theirs):
    """Positive: gbt is worse."""
    return (
        100 * (1 - ours / theirs)
        if METRIC[task] in ("AUC", "accuracy")
        else 100 * (ours / theirs - 1)
    )


def run_gbt(gbt, train, test, label, task, categorical, work):
    """Through the command line: files in, files out."""
    import numpy as np

    objective = OBJECTIVE.get(task, "regression")
    arguments = [
        gbt,
        "train",
        f"train={train}",
        f"model={work}/model.gbt",
        "verbosity=quiet",
        f"objective={objective}",
        f"n_trees={TREES}",
        f"max_leaves={LEAVES}",
        f"learning_rate={RATE}",
        f"max_bin={BINS}",
        f"min_child_samples={smallest_leaf(task)[0]}",
        f"min_child_weight={smallest_leaf(task)[1]}",
        f"reg_lambda={LAMBDA}",
    ]
    if label is not None:
        arguments.append(f"label={label}")
    if categorical:
        arguments.append("categorical=" + ",".join(categorical))
    subprocess.run(arguments, check=True)
    subprocess.run(
        [
            gbt,
            "predict",
            f"model={work}/model.gbt",
            f"data={test}",
            f"predictions={work}/p.csv",
            "verbosity=quiet",
        ],
        check=True,
    )
    values = np.loadtxt(f"{work}/p.csv", delimiter=",", skiprows=1, ndmin=2)
    return values[:, 0] if values.shape[1] == 1 else values


def run_lightgbm(x_train, y_train, x_test, task, classes, categorical):
    import lightgbm

    objective = OBJECTIVE.get(task, "regression")
    params = {
        "objective": objective,
        "num_leaves": LEAVES,
        "learning_rate": RATE,
        "max_bin": BINS,
        "min_data_in_leaf": smallest_leaf(task)[0],
        "min_sum_hessian_in_leaf": smallest_leaf(task)[1],
        "lambda_l2": LAMBDA,
        "verbosity": -1,
        "num_threads": 2,
    }
    if task == "multiclass":
        params["num_class"] = classes
    data = lightgbm.Dataset(x_train, y_train, categorical_feature=categorical or "auto")
    return lightgbm.train(params, data, TREES).predict(x_test)


def run_xgboost(x_train, y_train, x_test, task, classes, categorical):
    import xgboost

    objective = {
        "binary": "binary:logistic",
        "libsvm": "binary:logistic",
        "multiclass": "multi:softprob",
        "poisson": "count:poisson",
    }.get(task, "reg:squarederror")
    params = {
        "objective": objective,
        "tree_method": "hist",
        "grow_policy": "lossguide",
        "max_leaves": LEAVES,
        "max_depth": 0,
        "eta": RATE,
        "max_bin": BINS + 1,
        "min_child_weight": smallest_leaf(task)[1],
        "lambda": LAMBDA,
        "nthread": 2,
        "max_cat_to_onehot": 4,
    }
    if task == "multiclass":
        params["num_class"] = classes
    train = xgboost.DMatrix(x_train, y_train, enable_categorical=bool(categorical))
    return xgboost.train(params, train, TREES).predict(
        xgboost.DMatrix(x_test, enable_categorical=bool(categorical))
    )


def run_table_set(name, gbt, folds, work):
    import numpy as np

    table, label, task, categorical = load_csv(name)
    y = table[label]
    classes = 0
    if task in ("binary", "multiclass"):
        names = sorted(y.unique())
        classes = len(names)
        y = y.map({c: k for k, c in enumerate(names)})
    y = y.to_numpy(dtype=float)
    x = table.drop(columns=[label])
    x.columns = [f"f{i}" for i in range(x.shape[1])]
    renamed = [f"f{list(table.drop(columns=[label]).columns).index(c)}" for c in categorical]
    for train, test in fold_rows(len(x), folds):
        x.iloc[train].assign(label=y[train]).to_csv(f"{work}/train.csv", index=False)
        x.iloc[test].assign(label=y[test]).to_csv(f"{work}/test.csv", index=False)
        results = {
            "gbt": run_gbt(
                gbt, f"{work}/train.csv", f"{work}/test.csv", "label", task, renamed, work
            ),
            "lightgbm": run_lightgbm(x.iloc[train], y[train], x.iloc[test], task, classes, renamed),
            "xgboost": run_xgboost(x.iloc[train], y[train], x.iloc[test], task, classes, renamed),
        }
        yield task, {k: measure(task, y[test], p, classes) for k, p in results.items()}


def run_libsvm_set(name, gbt, folds, work):
    import numpy as np
    import scipy.sparse
    from sklearn.datasets import dump_svmlight_file, load_svmlight_files

    loaded = load_svmlight_files([str(DATA / name / f) for f in SETS[name][0]])
    x = scipy.sparse.vstack(loaded[0::2]).tocsr()
    y = (np.concatenate(loaded[1::2]) > 0).astype(float)
    for train, test in fold_rows(x.shape[0], folds):
        for rows, file in ((train, "train.svm"), (test, "test.svm")):
            dump_svmlight_file(x[rows], y[rows], f"{work}/{file}", zero_based=False)
        results = {
            "gbt": run_gbt(gbt, f"{work}/train.svm", f"{work}/test.svm", None, "libsvm", [], work),
            "lightgbm": run_lightgbm(x[train], y[train], x[test], "libsvm", 2, []),
            "xgboost": run_xgboost(x[train], y[train], x[test], "libsvm", 2, []),
        }
        yield "libsvm", {k: measure("libsvm", y[test], p, 2) for k, p in results.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--gbt", default=str(GBT))
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--out", default=str(OUT))
    arguments = parser.parse_args()
    if data_is_absent("there is nothing to compare on"):
        return 0
    enter_environment(Path(arguments.out) / "venv", PACKAGES)
    report, rows = Report(), []
    report.line(
        f"{TREES} trees, {LEAVES} leaves, {BINS} bins, learning rate {RATE}, L2 {LAMBDA}; "
        f"{arguments.folds} folds. "
        "Percent: positive means that gbt is worse.\n\n"
        "| set | metric | gbt | LightGBM | XGBoost | gbt to LightGBM | to XGBoost | "
        "loss to LightGBM | to XGBoost |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    )
    for name in arguments.sets.split(","):
        with tempfile.TemporaryDirectory() as work:
            run_set = run_libsvm_set if SETS[name][2] == "libsvm" else run_table_set
            runs = list(run_set(name, arguments.gbt, arguments.folds, work))
        task = runs[0][0]
        mean = {k: [sum(r[k][i] for _, r in runs) / len(runs) for i in (0, 1)] for k in runs[0][1]}
        values = [mean[k][0] for k in ("gbt", "lightgbm", "xgboost")]
        worse = [percent_worse(task, mean["gbt"][0], mean[k][0]) for k in ("lightgbm", "xgboost")]
        worse += [100 * (mean["gbt"][1] / mean[k][1] - 1) for k in ("lightgbm", "xgboost")]
        rows.append([name, METRIC[task], *values, *worse])
        report.line(
            f"| {name} | {METRIC[task]} | "
            + " | ".join(f"{v:.6g}" for v in values)
            + " | "
            + " | ".join(f"{v:+.2f} %" for v in worse)
            + " |"
        )
    means = [sum(r[i] for r in rows) / len(rows) for i in range(5, 9)]
    report.line(
        f"| mean of {len(rows)} | | | | | " + " | ".join(f"{v:+.2f} %" for v in means) + " |"
    )
    with open(Path(arguments.out) / "quality.csv", "w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(
            [
                "set",
                "metric",
                "gbt",
                "lightgbm",
                "xgboost",
                "percent_worse_than_lightgbm",
                "percent_worse_than_xgboost",
                "loss_percent_lightgbm",
                "loss_percent_xgboost",
            ]
        )
        writer.writerows(rows)
    report.save(Path(arguments.out) / "quality.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())
