#!/usr/bin/env python3
"""Prediction of gbt beside LightGBM and beside compilers of LightGBM's models: treelite with
TL2cgen (C), treelite's interpreter GTIL and lleaves (LLVM).

    python3 benches/compiled_models.py [--rows 100000] [--trees 100] [--leaves 255,31] [--repeats 7]

Makes its own Python environment from PyPI, with gbt from this checkout, on the first run. LightGBM
and gbt train on the same generated rows (28 normal features, seed 1) at the same limits; the others
compile LightGBM's model and are checked against it. One thread, raw scores, the batch as the array
that each likes best, made before the clock starts; turns alternate, medians count. Prints ns per
row and tree, and the seconds that compiling took.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from common import OUT, ROOT, Report, enter_environment

PACKAGES = ["numpy", "scipy", "lightgbm", "treelite", "tl2cgen", "lleaves", "llvmlite<0.44"]
FEATURES = 28
TRAINING_ROWS = 200000


def generate(n_rows, seed):
    import numpy as np

    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n_rows, FEATURES), dtype=np.float32)
    y = x[:, 0] * x[:, 1] + np.sin(3 * x[:, 2]) + np.abs(x[:, 3:8]).sum(axis=1) * x[:, 8]
    return x, (y + 0.3 * rng.standard_normal(n_rows)).astype(np.float32)


def train_gbt(x, y, n_trees, n_leaves):
    import gbt

    params = {"objective": "regression", "n_trees": n_trees, "max_leaves": n_leaves, "threads": 1}
    return gbt.train(params, (x, y), progress=False)


def train_lightgbm(x, y, n_trees, n_leaves):
    import lightgbm

    params = {"objective": "regression", "num_leaves": n_leaves, "num_threads": 1, "verbosity": -1}
    return lightgbm.train(params, lightgbm.Dataset(x, y), n_trees)


def compile_tl2cgen(model, folder):
    import tl2cgen

    path = str(folder / "model.so")
    tl2cgen.export_lib(model, toolchain="gcc", libpath=path, params={"parallel_comp": 16})
    return tl2cgen.Predictor(path, nthread=1)


def compile_lleaves(path):
    import lleaves

    model = lleaves.Model(model_file=str(path))
    model.compile()
    return model


def predictors(n_trees, n_leaves, x, folder):
    """Functions without arguments by name, and the seconds that compiling took."""
    import numpy as np
    import tl2cgen
    import treelite

    own = train_gbt(*generate(TRAINING_ROWS, 1), n_trees, n_leaves)
    peer = train_lightgbm(*generate(TRAINING_ROWS, 1), n_trees, n_leaves)
    peer.save_model(folder / "model.txt")
    common = treelite.frontend.load_lightgbm_model(folder / "model.txt")
    wide = x.astype(np.float64)  # thresholds of LightGBM are float64, and compilers keep them
    matrix = tl2cgen.DMatrix(wide)
    start = time.perf_counter()
    as_c = compile_tl2cgen(common, folder)
    middle = time.perf_counter()
    as_llvm = compile_lleaves(folder / "model.txt")
    seconds = {"TL2cgen": middle - start, "lleaves": time.perf_counter() - middle}
    return {
        "gbt": lambda: own.predict(x, output="raw", threads=1),
        "LightGBM": lambda: peer.predict(x, raw_score=True, num_threads=1),
        "GTIL": lambda: treelite.gtil.predict(common, wide, nthread=1, pred_margin=True),
        "TL2cgen": lambda: as_c.predict(matrix, pred_margin=True),
        "lleaves": lambda: as_llvm.predict(wide, n_jobs=1),
    }, seconds


def measure(calls, repeats):
    """Median seconds by name; the compilers' scores must be LightGBM's."""
    import numpy as np

    scores = {name: np.ravel(call()) for name, call in calls.items()}
    for name in calls.keys() - {"gbt", "LightGBM"}:
        if not np.allclose(scores[name], scores["LightGBM"], rtol=1e-4, atol=1e-4):
            raise SystemExit(f"{name} does not predict what LightGBM does")
    times = {name: [] for name in calls}
    for _ in range(repeats):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(found) for name, found in times.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--rows", type=int, default=100000)
    parser.add_argument("--trees", type=int, default=100)
    parser.add_argument("--leaves", default="255,31")
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    enter_environment(OUT / "compiled_models_venv", [*PACKAGES, str(ROOT / "bindings" / "python")])
    x, _ = generate(options.rows, 2)
    report = Report()
    for n_leaves in (int(n) for n in options.leaves.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            calls, seconds = predictors(options.trees, n_leaves, x, Path(folder))
            found = measure(calls, options.repeats)
        report.line(f"{options.trees} trees of {n_leaves} leaves, {options.rows} rows")
        report.line()
        report.header("library", "ns per row and tree", "to gbt", "compiling, s")
        for name, time_taken in found.items():
            ns = 1e9 * time_taken / options.rows / options.trees
            compiling = f"{seconds[name]:.1f}" if name in seconds else ""
            report.row(name, f"{ns:.2f}", f"{time_taken / found['gbt']:.1f}", compiling)
        report.line()
    report.save(OUT / "compiled_models.md")


if __name__ == "__main__":
    main()
