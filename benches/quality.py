#!/usr/bin/env python3
"""Test error of gbt beside LightGBM and XGBoost at equal trees, leaves, bins and learning rate.

    python3 benches/quality.py [--gbt build/release/gbt] [--sets adult,letter] [--out DIR]

Makes its own Python environment from PyPI on the first run. Every set is split into folds (row index
modulo 5; sets with a test file of their own keep it), every library trains on the same rows and columns,
and one function computes the metric for all of them: log loss for classes, Poisson deviance for counts,
RMSE otherwise. Prints and writes one Markdown table and the raw rows as CSV. The data is read from
../shared/data; without it the bench says so and stops.
"""
import argparse
import csv
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT.parent / "shared" / "data"
PACKAGES = ["lightgbm", "xgboost", "scikit-learn", "pandas", "numpy"]

TREES, LEAVES, RATE, BINS, MIN_ROWS, LAMBDA = 200, 31, 0.1, 255, 20, 1.0

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
    "flights2013": (["flights2013.csv.gz"], "arr_delay", "late", ["arr_time", "air_time", "tailnum"], []),
    "letter": (["letter.csv"], "lettr", "multiclass", [], []),
    "dry_bean": (["dry_bean.csv.gz"], "Class", "multiclass", [], []),
    "satimage": (["train.csv", "test.csv"], "class", "multiclass", [], []),
    "california_housing": (["california_housing.csv.gz"], "median_house_value", "regression", [], []),
    "diamonds": (["diamonds.csv.gz"], "price", "regression", [], []),
    "bike_sharing": (["bike_sharing.csv"], "cnt", "regression", ["casual", "registered", "instant", "dteday"], []),
    "protein": (["protein.csv.gz"], "RMSD", "regression", [], []),
    "wine_quality": (["wine_quality.csv"], "quality", "regression", [], []),
    "power_plant": (["power_plant.csv"], None, "regression", [], []),
    "fremtpl2": (["frequency.csv.gz"], "ClaimNb", "poisson", ["IDpol"], []),
    "a9a": (["train.libsvm.gz", "test.libsvm"], None, "libsvm", [], []),
    "reuters": (["train.libsvm.gz", "test.libsvm.gz"], None, "libsvm", [], []),
}


def enter_environment(folder):
    """Runs this script again with the Python of an environment that has the peers."""
    python = folder / "bin" / "python"
    if Path(sys.executable).resolve().parent.parent == folder.resolve() or os.environ.get("GBT_BENCH_PYTHON"):
        return
    if not python.exists():
        print(f"making a Python environment in {folder} ...", file=sys.stderr)
        venv.create(folder, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *PACKAGES], check=True)
    os.environ["GBT_BENCH_PYTHON"] = "1"
    os.execv(python, [str(python), __file__, *sys.argv[1:]])


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
    categorical = [c for c in table.columns
                   if c != label and (not pd.api.types.is_numeric_dtype(table[c]) or extra == "all" or c in extra)]
    for column in categorical:
        text = table[column].map(lambda v: None if pd.isna(v) else str(v))
        table[column] = pd.Categorical(text)
    return table, label, task, categorical


def fold_rows(n_rows, folds):
    import numpy as np

    index = np.arange(n_rows)
    for fold in range(folds):
        yield index[index % 5 != fold], index[index % 5 == fold]


def error(task, y, prediction, classes):
    """The metric of the table: lower is better."""
    import numpy as np
    from sklearn.metrics import log_loss

    if task in ("binary", "libsvm"):
        return log_loss(y, np.clip(prediction, 1e-15, 1 - 1e-15))
    if task == "multiclass":
        return log_loss(y, prediction, labels=list(range(classes)))
    if task == "poisson":
        mean = np.maximum(prediction, 1e-15)
        return float(np.mean(mean - y * np.log(mean)))
    return float(np.sqrt(np.mean((prediction - y) ** 2)))


def run_gbt(gbt, train, test, label, task, categorical, work):
    """Through the command line: files in, files out."""
    import numpy as np

    objective = {"binary": "binary", "libsvm": "binary", "multiclass": "multiclass", "poisson": "poisson"}.get(
        task, "regression")
    arguments = [gbt, "train", f"train={train}", f"model={work}/model.gbt", "verbosity=quiet",
                 f"objective={objective}", f"n_trees={TREES}", f"max_leaves={LEAVES}", f"learning_rate={RATE}",
                 f"max_bin={BINS}", f"min_child_samples={MIN_ROWS}", f"reg_lambda={LAMBDA}"]
    if label is not None:
        arguments.append(f"label={label}")
    if categorical:
        arguments.append("categorical=" + ",".join(categorical))
    subprocess.run(arguments, check=True)
    subprocess.run([gbt, "predict", f"model={work}/model.gbt", f"data={test}", f"predictions={work}/p.csv",
                    "verbosity=quiet"], check=True)
    values = np.loadtxt(f"{work}/p.csv", delimiter=",", skiprows=1, ndmin=2)
    return values[:, 0] if values.shape[1] == 1 else values


def run_lightgbm(x_train, y_train, x_test, task, classes, categorical):
    import lightgbm

    objective = {"binary": "binary", "libsvm": "binary", "multiclass": "multiclass", "poisson": "poisson"}.get(
        task, "regression")
    params = {"objective": objective, "num_leaves": LEAVES, "learning_rate": RATE, "max_bin": BINS,
              "min_data_in_leaf": MIN_ROWS, "lambda_l2": LAMBDA, "verbosity": -1, "num_threads": 2}
    if task == "multiclass":
        params["num_class"] = classes
    data = lightgbm.Dataset(x_train, y_train, categorical_feature=categorical or "auto")
    return lightgbm.train(params, data, TREES).predict(x_test)


def run_xgboost(x_train, y_train, x_test, task, classes, categorical):
    import xgboost

    objective = {"binary": "binary:logistic", "libsvm": "binary:logistic", "multiclass": "multi:softprob",
                 "poisson": "count:poisson"}.get(task, "reg:squarederror")
    params = {"objective": objective, "tree_method": "hist", "grow_policy": "lossguide", "max_leaves": LEAVES,
              "max_depth": 0, "eta": RATE, "max_bin": BINS + 1, "min_child_weight": 1e-3, "lambda": LAMBDA,
              "nthread": 2, "max_cat_to_onehot": 4}
    if task == "multiclass":
        params["num_class"] = classes
    if task == "regression":
        params["min_child_weight"] = MIN_ROWS
    train = xgboost.DMatrix(x_train, y_train, enable_categorical=bool(categorical))
    return xgboost.train(params, train, TREES).predict(xgboost.DMatrix(x_test, enable_categorical=bool(categorical)))


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
            "gbt": run_gbt(gbt, f"{work}/train.csv", f"{work}/test.csv", "label", task, renamed, work),
            "lightgbm": run_lightgbm(x.iloc[train], y[train], x.iloc[test], task, classes, renamed),
            "xgboost": run_xgboost(x.iloc[train], y[train], x.iloc[test], task, classes, renamed),
        }
        yield {k: error(task, y[test], np.asarray(p, dtype=float), classes) for k, p in results.items()}


def run_libsvm_set(name, gbt, work):
    import numpy as np
    from sklearn.datasets import load_svmlight_files

    files = [str(DATA / name / f) for f in SETS[name][0]]
    x_train, y_train, x_test, y_test = load_svmlight_files(files)
    y_train, y_test = (y_train > 0).astype(float), (y_test > 0).astype(float)
    results = {
        "gbt": run_gbt(gbt, files[0], files[1], None, "libsvm", [], work),
        "lightgbm": run_lightgbm(x_train, y_train, x_test, "libsvm", 2, []),
        "xgboost": run_xgboost(x_train, y_train, x_test, "libsvm", 2, []),
    }
    yield {k: error("libsvm", y_test, np.asarray(p, dtype=float), 2) for k, p in results.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--gbt", default=str(ROOT / "build" / "release" / "gbt"))
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--out", default=str(ROOT / "build" / "bench"))
    arguments = parser.parse_args()
    if not DATA.exists():
        print("SKIPPED: ../shared/data is absent, there is nothing to compare on")
        return 0
    Path(arguments.out).mkdir(parents=True, exist_ok=True)
    enter_environment(Path(arguments.out) / "venv")
    rows = []
    for name in arguments.sets.split(","):
        with tempfile.TemporaryDirectory() as work:
            runs = run_libsvm_set(name, arguments.gbt, work) if SETS[name][2] == "libsvm" else run_table_set(
                name, arguments.gbt, arguments.folds, work)
            runs = list(runs)
        mean = {k: sum(r[k] for r in runs) / len(runs) for k in runs[0]}
        best = min(mean["lightgbm"], mean["xgboost"])
        rows.append([name, SETS[name][2], len(runs), mean["gbt"], mean["lightgbm"], mean["xgboost"],
                     100 * (mean["gbt"] / mean["lightgbm"] - 1), 100 * (mean["gbt"] / mean["xgboost"] - 1),
                     100 * (mean["gbt"] / best - 1)])
        print(f"| {name} | {SETS[name][2]} | {len(runs)} | " + " | ".join(f"{v:.6g}" for v in rows[-1][3:6]) + " | " +
              " | ".join(f"{v:+.2f} %" for v in rows[-1][6:]) + " |", flush=True)
    n = len(rows)
    print(f"| mean of {n} | | | | | | " + " | ".join(f"{sum(r[i] for r in rows) / n:+.2f} %" for i in (6, 7, 8)) + " |")
    with open(Path(arguments.out) / "quality.csv", "w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["set", "task", "folds", "gbt", "lightgbm", "xgboost", "vs_lightgbm_percent",
                         "vs_xgboost_percent", "vs_best_percent"])
        writer.writerows(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
