"""One training of one peer library in this process: compare.py starts it once for each run.

    python compare_peers.py LIBRARY SPECIFICATION.json

Every library reads the files the fastest way that its documentation offers and trains at the limits
of the specification. Prints one JSON object: seconds to load, bin, train and predict, peak memory
of the process, test metrics. What a library cannot do ends with a message and exit code 3.
"""

import json
import sys
import time

import numpy as np


class Unsupported(Exception):
    pass


def load(path, spec):
    """Features and label. Numbers become one float32 matrix, texts pandas categories."""
    if path.endswith(".svm"):
        from sklearn.datasets import load_svmlight_file

        x, y = load_svmlight_file(path, n_features=spec["columns"], dtype=np.float32)
        return x, y
    import pyarrow.csv

    table = pyarrow.csv.read_csv(path)
    y = table.column("label").to_numpy()
    table = table.drop_columns(["label"])
    if not spec["categorical"]:
        x = np.empty((table.num_rows, table.num_columns), np.float32)
        for j, column in enumerate(table.columns):
            x[:, j] = column.to_numpy()
        return x, y
    frame = table.to_pandas()
    for name in spec["categorical"]:
        frame[name] = frame[name].astype("str").where(frame[name].notna()).astype("category")
    return frame, y


def same_categories(test, train, spec):
    for name in spec["categorical"]:
        test[name] = test[name].cat.set_categories(train[name].cat.categories)
    return test


def lightgbm_run(spec, train, y, quantised=False):
    import lightgbm

    objective = {"binary": "binary", "multiclass": "multiclass", "regression": "regression"}
    params = {
        "objective": objective[spec["task"]],
        "num_leaves": spec["leaves"],
        "learning_rate": spec["rate"],
        "max_bin": spec["bins"],
        "min_data_in_leaf": spec["min_rows"],
        "min_sum_hessian_in_leaf": spec["min_hessian"],
        "lambda_l2": spec["lambda"],
        "num_threads": spec["threads"],
        "verbosity": -1,
    }
    if spec["task"] == "multiclass":
        params["num_class"] = spec["classes"]
    if spec.get("row_wise"):
        params["force_row_wise"] = True
    if quantised:
        params.update(use_quantized_grad=True, num_grad_quant_bins=4, quant_train_renew_leaf=True)
    start = time.perf_counter()
    data = lightgbm.Dataset(
        train, y, params=params, categorical_feature=spec["categorical"] or "auto"
    ).construct()
    binned = time.perf_counter()
    model = lightgbm.train(params, data, spec["trees"])
    done = time.perf_counter()
    return binned - start, done - binned, lambda x: model.predict(x, num_threads=spec["threads"])


def xgboost_run(spec, train, y):
    import xgboost

    objective = {"binary": "binary:logistic", "multiclass": "multi:softprob"}
    params = {
        "objective": objective.get(spec["task"], "reg:squarederror"),
        "tree_method": "hist",
        "grow_policy": "lossguide",
        "max_leaves": spec["leaves"],
        "max_depth": 0,
        "eta": spec["rate"],
        "max_bin": spec["bins"] + 1,
        "min_child_weight": max(
            spec["min_hessian"], spec["min_rows"] * (spec["task"] == "regression")
        ),
        "lambda": spec["lambda"],
        "nthread": spec["threads"],
    }
    if spec["task"] == "multiclass":
        params["num_class"] = spec["classes"]
    start = time.perf_counter()
    data = xgboost.QuantileDMatrix(
        train, y, max_bin=spec["bins"] + 1, enable_categorical=bool(spec["categorical"]),
        nthread=spec["threads"],
    )  # fmt: skip
    binned = time.perf_counter()
    model = xgboost.train(params, data, spec["trees"])
    done = time.perf_counter()

    def predict(x):
        if spec["categorical"] or not isinstance(x, np.ndarray):
            return model.predict(xgboost.DMatrix(x, enable_categorical=True))
        return model.inplace_predict(x)

    return binned - start, done - binned, predict


def catboost_run(spec, train, y):
    import catboost

    if not isinstance(train, np.ndarray):
        raise Unsupported("catboost: dense numbers only in this bench")
    loss = {"binary": "Logloss", "multiclass": "MultiClass", "regression": "RMSE"}
    start = time.perf_counter()
    pool = catboost.Pool(train, y, thread_count=spec["threads"])
    options = {
        "grow_policy": "Lossguide",
        "max_leaves": spec["leaves"],
        "depth": 16,
        "iterations": spec["trees"],
        "learning_rate": spec["rate"],
        "border_count": min(spec["bins"], 254),
        "l2_leaf_reg": spec["lambda"],
        "min_data_in_leaf": spec["min_rows"],
        "loss_function": loss[spec["task"]],
        "boosting_type": "Plain",
        "bootstrap_type": "No",
        "thread_count": spec["threads"],
        "verbose": False,
        "allow_writing_files": False,
    }
    pool.quantize(border_count=options["border_count"])
    binned = time.perf_counter()
    model = catboost.CatBoost(options).fit(pool)
    done = time.perf_counter()
    kind = "RawFormulaVal" if spec["task"] == "regression" else "Probability"

    def predict(x):
        found = model.predict(x, prediction_type=kind, thread_count=spec["threads"])
        return found[:, 1] if spec["task"] == "binary" else found

    return binned - start, done - binned, predict


def sklearn_run(spec, train, y):
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from threadpoolctl import threadpool_limits

    if not isinstance(train, np.ndarray):
        raise Unsupported("scikit-learn: dense numbers only in this bench")
    kind = (
        HistGradientBoostingRegressor
        if spec["task"] == "regression"
        else HistGradientBoostingClassifier
    )
    model = kind(
        max_iter=spec["trees"],
        max_leaf_nodes=spec["leaves"],
        learning_rate=spec["rate"],
        max_bins=min(spec["bins"], 255),
        min_samples_leaf=spec["min_rows"],
        l2_regularization=spec["lambda"],
        early_stopping=False,
    )
    start = time.perf_counter()
    with threadpool_limits(spec["threads"]):
        model.fit(train, y)
    done = time.perf_counter()

    def predict(x):
        with threadpool_limits(spec["threads"]):
            if spec["task"] == "regression":
                return model.predict(x)
            found = model.predict_proba(x)
            return found[:, 1] if spec["task"] == "binary" else found

    return 0.0, done - start, predict


def ydf_run(spec, train, y):
    import ydf

    if not isinstance(train, np.ndarray):
        raise Unsupported("ydf: dense numbers only in this bench")
    task = ydf.Task.REGRESSION if spec["task"] == "regression" else ydf.Task.CLASSIFICATION
    start = time.perf_counter()
    columns = {f"f{j}": np.ascontiguousarray(train[:, j]) for j in range(train.shape[1])}
    ydf.verbose(0)  # standard output is for the result
    is_regression = spec["task"] == "regression"
    label = y if is_regression else y.astype(int).astype(str)  # classes are texts
    data = ydf.create_vertical_dataset(
        {**columns, "label": label}, label="label", discretize_numerical_columns=True,
        num_discretized_numerical_bins=spec["bins"], min_vocab_frequency=1,
        columns=[ydf.Column("label", ydf.Semantic.NUMERICAL)] if is_regression else None,
        include_all_columns=True,
    )  # fmt: skip
    binned = time.perf_counter()
    model = ydf.GradientBoostedTreesLearner(
        label="label",
        task=task,
        num_trees=spec["trees"],
        shrinkage=spec["rate"],
        growing_strategy="BEST_FIRST_GLOBAL",
        max_num_nodes=2 * spec["leaves"] - 1,
        max_depth=-1,
        min_examples=spec["min_rows"],
        l2_regularization=spec["lambda"],
        use_hessian_gain=True,
        validation_ratio=0.0,
        early_stopping="NONE",
        discretize_numerical_columns=True,
        num_threads=spec["threads"],
    ).train(data)
    done = time.perf_counter()

    classes = [] if is_regression else [int(c) for c in model.label_classes()]

    def predict(x):
        found = model.predict({f"f{j}": x[:, j] for j in range(x.shape[1])})
        if found.ndim == 2:
            return found[:, np.argsort(classes)]
        return 1.0 - found if classes[1:] == [0] else found  # of the second class

    return binned - start, done - binned, predict


RUNS = {
    "lightgbm": lightgbm_run,
    "lightgbm_quantised": lambda s, x, y: lightgbm_run(s, x, y, quantised=True),
    "xgboost": xgboost_run,
    "catboost": catboost_run,
    "sklearn": sklearn_run,
    "ydf": ydf_run,
}


def peak_memory():
    """In MB, of this program: ru_maxrss would count the one that started it."""
    status = open("/proc/self/status").read()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def metrics(task, y, found):
    from sklearn.metrics import log_loss, roc_auc_score

    if task == "binary":
        return {"auc": roc_auc_score(y, found), "logloss": log_loss(y, np.clip(found, 1e-15, 1))}
    if task == "multiclass":
        return {"error": float(np.mean(found.argmax(axis=1) != y))}
    return {"rmse": float(np.sqrt(np.mean((found - y) ** 2)))}


def single_rows(predict, x, n=200):
    seconds = []
    for i in range(min(n, len(x))):
        start = time.perf_counter()
        predict(x[i : i + 1])
        seconds.append(time.perf_counter() - start)
    return {
        "single_p50_ns": 1e9 * float(np.percentile(seconds, 50)),
        "single_p99_ns": 1e9 * float(np.percentile(seconds, 99)),
    }


def main():
    library, spec = sys.argv[1], json.loads(open(sys.argv[2]).read())
    start = time.perf_counter()
    train, y = load(spec["train"], spec)
    loaded = time.perf_counter()
    try:
        binning, training, predict = RUNS[library](spec, train, y)
    except Unsupported as reason:
        print(reason, file=sys.stderr)
        return 3
    result = {"load": loaded - start, "bin": binning, "train": training}
    result["peak_mb"] = peak_memory()
    x_test, y_test = load(spec["test"], spec)
    if spec["categorical"]:
        x_test = same_categories(x_test, train, spec)
    start = time.perf_counter()
    found = predict(x_test)
    result["predict"] = time.perf_counter() - start
    result.update(metrics(spec["task"], y_test, np.asarray(found)))
    if isinstance(x_test, np.ndarray):
        result.update(single_rows(predict, x_test))
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
