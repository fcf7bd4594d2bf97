#!/usr/bin/env python3
"""What the Python package costs beside those of LightGBM and XGBoost: time and memory of a data set
from an array, and of prediction, in one run.

    python3 benches/python_overhead.py [--rows 1000000] [--columns 28] [--threads 2] [--repeats 5]

Run it in an environment that has gbt, lightgbm and xgboost; what is missing is left out and said.
Every measurement is a process of its own, libraries take turns, medians count. Peak memory is what
a step adds to the process, which holds the array already. Data: normal numbers, float32, seed 1.
"""

import argparse
import importlib.util
import json
import statistics
import subprocess
import sys
import time

LIBRARIES = ("gbt", "lightgbm", "xgboost")
STEPS = ("data set", "predict all", "predict 1000 rows", "predict one row")
TREES = 50


def peak_bytes():
    with open("/proc/self/status", encoding="ascii") as status:
        for line in status:
            if line.startswith("VmHWM"):
                return int(line.split()[1]) * 1024
    raise SystemExit("no VmHWM in /proc/self/status: Linux is needed")


def reset_peak():
    with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
        file.write("5")


def data_set(library, X, y, threads):
    if library == "gbt":
        import gbt

        return gbt.Dataset(X, y).construct({"threads": threads})
    if library == "lightgbm":
        import lightgbm

        params = {"verbosity": -1, "num_threads": threads}
        return lightgbm.Dataset(X, y, params=params, free_raw_data=False).construct()
    import xgboost

    return xgboost.QuantileDMatrix(X, y, nthread=threads)


def predictor(library, X, y, threads):
    """A function of rows, from a small model."""
    if library == "gbt":
        import gbt

        params = {"n_trees": TREES, "objective": "regression", "threads": threads}
        model = gbt.train(params, (X, y), progress=False)
        return lambda rows: model.predict(rows, threads=threads)
    if library == "lightgbm":
        import lightgbm

        params = {"verbosity": -1, "num_threads": threads, "objective": "regression"}
        model = lightgbm.train(params, lightgbm.Dataset(X, y), TREES)
        return lambda rows: model.predict(rows, num_threads=threads)
    import xgboost

    params = {"nthread": threads, "max_leaves": 31, "grow_policy": "lossguide", "max_depth": 0}
    model = xgboost.train(params, xgboost.QuantileDMatrix(X, y, nthread=threads), TREES)
    return model.inplace_predict


def measure(library, step, options):
    """Runs in a process of its own: prints seconds and bytes."""
    import numpy as np

    rng = np.random.default_rng(1)
    X = rng.standard_normal((options.rows, options.columns), dtype=np.float32)
    y = (X[:, 0] + X[:, 1] * X[:, 2]).astype(np.float32)
    if step == "data set":
        data_set(library, X[:1000], y[:1000], options.threads)  # whatever happens only once
        function, times = lambda: data_set(library, X, y, options.threads), 1
    else:
        predict = predictor(library, X[:20000], y[:20000], options.threads)
        n_rows = {"predict all": options.rows, "predict 1000 rows": 1000}.get(step, 1)
        rows, times = X[:n_rows], max(1, min(1000, options.rows // n_rows // 10))
        predict(rows)
        function = lambda: predict(rows)  # noqa: E731
    reset_peak()
    before = peak_bytes()
    start = time.perf_counter()
    for _ in range(times):
        kept = function()
    seconds = (time.perf_counter() - start) / times
    print(json.dumps([seconds, peak_bytes() - before]))
    del kept


def run(library, step, arguments):
    command = [sys.executable, __file__, *arguments, "--measure", library, step]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{library}, {step}: {done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--rows", type=int, default=1000000)
    parser.add_argument("--columns", type=int, default=28)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(*options.measure, options)
        return
    present = [name for name in LIBRARIES if importlib.util.find_spec(name)]
    for name in set(LIBRARIES) - set(present):
        print(f"NOT MEASURED, not installed: {name}")
    arguments = [
        f"--{name}={getattr(options, name)}" for name in ("rows", "columns", "threads", "repeats")
    ]
    print(f"{options.rows} x {options.columns} float32, {options.threads} threads, {TREES} trees\n")
    print("| step | library | seconds | peak MB above the array | time, gbt = 1 |")
    print("| --- | --- | --- | --- | --- |")
    for step in STEPS:
        found = {name: [] for name in present}
        for _ in range(options.repeats):
            for name in present:
                found[name].append(run(name, step, arguments))
        base = statistics.median(seconds for seconds, _ in found[present[0]])
        for name in present:
            seconds = statistics.median(item[0] for item in found[name])
            megabytes = statistics.median(item[1] for item in found[name]) / 1e6
            cells = f"{seconds:.3g} | {megabytes:.0f} | {seconds / base:.2f}"
            print(f"| {step} | {name} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
