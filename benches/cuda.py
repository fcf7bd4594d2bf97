#!/usr/bin/env python3
"""Training and prediction on a CUDA device against XGBoost and CatBoost on the same device.

    python3 benches/cuda.py [--library PATH/libgbt.so] [--rows 1000000,10000000] [--trees 100]

Data: 28 float32 columns, binary label, generated here with a fixed seed; 256 bins (255 and one for
missing values); learning rate 0.1; least child size 20 or its nearest relative. Two shapes: depth
8, level by level, and 255 leaves, best first. Times: binning (from the host's float matrix),
training after a warm-up of five trees, prediction of all training rows from the host's matrix,
copies included. Each library runs in turn, `--repeats` times; medians are printed, with the log
loss on 200,000 rows that none has trained on. A library that is not installed is left out and
named. libgbt also trains the first size on the CPU, and the bytes of both models are compared."""

import argparse
import ctypes
import hashlib
import os
import statistics
import sys
import time

import numpy as np

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
COLUMNS, TEST_ROWS, WARM_UP = 28, 200_000, 5
SHAPES = {
    "depth 8": {"leaves": 256, "depth": 8, "leafwise": False},
    "255 leaves": {"leaves": 255, "depth": 0, "leafwise": True},
}


def make_rows(n, seed):
    """Some columns matter alone, some together, most little; a tenth of three is missing."""
    draw = np.random.default_rng(seed)
    x = draw.standard_normal((n, COLUMNS), dtype=np.float32)
    x[:, 8:16] = np.abs(x[:, 8:16]) ** np.float32(1.5)
    score = x[:, 0] + np.sin(2 * x[:, 1]) * x[:, 2] + 0.6 * x[:, 9] - 0.5 * (x[:, 10] > 1) * x[:, 3]
    y = (draw.random(n, dtype=np.float32) < 1 / (1 + np.exp(-score))).astype(np.float32)
    for column in (4, 9, 20):
        x[draw.random(n, dtype=np.float32) < 0.1, column] = np.nan
    return x, y


def log_loss(p, y):
    p = np.clip(p.astype(np.float64), 1e-12, 1 - 1e-12)
    return float(-np.mean(np.where(y > 0, np.log(p), np.log(1 - p))))


# ---- libgbt, through its C interface -------------------------------------------------------------


class Matrix(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p),
        ("dtype", ctypes.c_int),
        ("n_rows", ctypes.c_int64),
        ("n_cols", ctypes.c_int64),
        ("row_stride", ctypes.c_int64),
        ("col_stride", ctypes.c_int64),
    ]


class Gbt:
    name = "gbt"

    def __init__(self, path, device):
        self.library, self.device = ctypes.CDLL(path), device
        self.library.gbt_last_error.restype = ctypes.c_char_p
        self.name = f"gbt {device}"
        if not self.library.gbt_backend_available(device.encode()):
            raise RuntimeError(self.library.gbt_last_error().decode())

    def call(self, name, *arguments):
        if getattr(self.library, name)(*arguments) != 0:
            raise RuntimeError(f"{name}: {self.library.gbt_last_error().decode()}")

    def handle(self, name, *arguments):
        out = ctypes.c_void_p()
        self.call(name, *arguments, ctypes.byref(out))
        return out

    @staticmethod
    def matrix(x):
        assert x.dtype == np.float32 and x.flags.c_contiguous
        return Matrix(x.ctypes.data, 0, x.shape[0], x.shape[1], x.shape[1], 1)

    def params(self, shape, trees):
        keys = {
            "objective": "binary",
            "n_trees": trees,
            "max_leaves": shape["leaves"],
            "max_depth": shape["depth"],
            "grow_policy": "leafwise" if shape["leafwise"] else "depthwise",
            "metric_every": trees,
            "device": self.device,
            "verbosity": "quiet",
        }
        params = self.handle("gbt_params_create")
        for key, value in keys.items():
            self.call("gbt_params_set", params, key.encode(), str(value).encode())
        return params

    def bin(self, x, y, shape):
        params, matrix = self.params(shape, 1), self.matrix(x)
        data = self.handle("gbt_dataset_from_matrix", params, ctypes.byref(matrix), None, None)
        size = ctypes.c_int64(len(y))
        self.call("gbt_dataset_set", data, 0, y.ctypes.data_as(ctypes.c_void_p), 0, size)
        self.library.gbt_params_free(params)
        return data

    def train(self, data, shape, trees):
        params = self.params(shape, trees)
        booster = self.handle("gbt_booster_create", params, data)
        stopped = ctypes.c_int()
        for _ in range(trees):
            self.call("gbt_booster_step", booster, ctypes.byref(stopped))
        model = self.handle("gbt_booster_finish", booster, ctypes.c_int32(0))
        self.library.gbt_booster_free(booster)
        self.library.gbt_params_free(params)
        return model

    def prepare(self, model):
        return self.handle("gbt_model_to_device", model, self.device.encode())

    def predict(self, model, x):
        out, matrix = np.empty(len(x), np.float32), self.matrix(x)
        zero = ctypes.c_int32(0)
        self.call(
            "gbt_model_predict",
            model,
            ctypes.byref(matrix),
            1,
            zero,
            zero,
            0,
            out.ctypes.data_as(ctypes.c_void_p),
            ctypes.c_int64(len(x)),
        )
        return out

    def checksum(self, model):
        data, size = ctypes.c_void_p(), ctypes.c_size_t()
        self.call("gbt_model_to_bytes", model, ctypes.byref(data), ctypes.byref(size))
        digest = hashlib.sha256(ctypes.string_at(data, size.value)).hexdigest()
        self.library.gbt_memory_free(data)
        return digest[:16]

    def free(self, data=None, *models):
        if data is not None:
            self.library.gbt_dataset_free(data)
        for model in models:
            self.library.gbt_model_free(model)


# ---- Others --------------------------------------------------------------------------------------


class Xgboost:
    def __init__(self):
        import xgboost

        self.module = xgboost
        self.name = f"XGBoost {xgboost.__version__}"
        try:  # what its documentation asks for: rows on the device, copied in the time that counts
            import cupy

            self.to_device = cupy.asarray
        except ImportError:
            self.to_device = lambda x: x

    def keys(self, shape):
        return {
            "objective": "binary:logistic",
            "tree_method": "hist",
            "device": "cuda",
            "max_bin": 256,
            "learning_rate": 0.1,
            "max_leaves": shape["leaves"],
            "max_depth": shape["depth"],
            "grow_policy": "lossguide" if shape["leafwise"] else "depthwise",
            "min_child_weight": 1e-3,
            "verbosity": 1,
        }

    def bin(self, x, y, shape):
        del shape
        return self.module.QuantileDMatrix(self.to_device(x), y, max_bin=256)

    def train(self, data, shape, trees):
        return self.module.train(self.keys(shape), data, trees)

    def prepare(self, model):
        return model

    def predict(self, model, x):
        p = model.inplace_predict(self.to_device(x))
        return p.get() if hasattr(p, "get") else p

    def free(self, data=None, *models):
        pass


class Catboost:
    def __init__(self):
        import catboost

        self.module = catboost
        self.name = f"CatBoost {catboost.__version__}"

    def bin(self, x, y, shape):
        del shape
        pool = self.module.Pool(x, y)
        pool.quantize(border_count=254, task_type="GPU")
        return pool

    def train(self, data, shape, trees):
        keys = {"grow_policy": "Lossguide", "max_leaves": shape["leaves"], "depth": 16}
        if not shape["leafwise"]:
            keys = {"grow_policy": "Depthwise", "depth": shape["depth"]}
        model = self.module.CatBoostClassifier(
            task_type="GPU",
            iterations=trees,
            learning_rate=0.1,
            border_count=254,
            l2_leaf_reg=1,
            min_data_in_leaf=20,
            bootstrap_type="No",
            random_strength=0,
            verbose=False,
            allow_writing_files=False,
            **keys,
        )
        return model.fit(data)

    def prepare(self, model):
        return model

    def predict(self, model, x):
        return model.predict_proba(x)[:, 1]

    def free(self, data=None, *models):
        pass


def contestants(library):
    found = [Gbt(library, "cuda")]
    for other in (Xgboost, Catboost):
        try:
            found.append(other())
        except ImportError as error:
            print(f"NOT COMPARED: {other.__name__}: {error}")
    return found


# ---- One size and shape --------------------------------------------------------------------------


def timed(function, *arguments):
    start = time.perf_counter()
    result = function(*arguments)
    return result, time.perf_counter() - start


def measure(one, rows, test, shape, trees):
    """Seconds of binning, training, prediction; log loss of the test rows."""
    x, y = rows
    data, bin_seconds = timed(one.bin, x, y, shape)
    warm = one.train(data, shape, WARM_UP)
    model, train_seconds = timed(one.train, data, shape, trees)
    ready = one.prepare(model)
    one.predict(ready, x[:1000])
    _, predict_seconds = timed(one.predict, ready, x)
    loss = log_loss(one.predict(ready, test[0]), test[1])
    one.free(data, warm, model, *([ready] if ready is not model else []))
    return bin_seconds, train_seconds, predict_seconds, loss


def compare(found, rows, test, shape, trees, repeats):
    results = {one.name: [] for one in found}
    for _ in range(repeats):
        for one in found:
            try:
                results[one.name].append(measure(one, rows, test, shape, trees))
            except Exception as error:  # another library's own exceptions
                print(f"{one.name} failed: {error}")
    for name, runs in results.items():
        if runs:
            b, t, p, loss = (statistics.median(column) for column in zip(*runs))
            print(
                f"| {name} | {b:.3f} | {t:.3f} | {1000 * t / trees:.3f} | {p:.3f} | {loss:.5f} |",
                flush=True,
            )


def same_model(library, rows, shape, trees):
    """Do CPU and device give the same bytes?"""
    sums = []
    for device in ("cuda", "cpu"):
        one = Gbt(library, device)
        data = one.bin(*rows, shape)
        model = one.train(data, shape, trees)
        sums.append(one.checksum(model))
        one.free(data, model)
    print(f"model of the device {sums[0]}, of the CPU {sums[1]}")
    return sums[0] == sums[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--library", default=os.path.join(ROOT, "build", "cuda", "libgbt.so"))
    parser.add_argument("--rows", default="1000000,10000000")
    parser.add_argument("--trees", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    try:
        found = contestants(arguments.library)
    except (OSError, RuntimeError) as error:
        print(f"NOT MEASURED: {error}")
        return 77
    test = make_rows(TEST_ROWS, 2)
    is_equal = True
    for index, n in enumerate(int(size) for size in arguments.rows.split(",")):
        rows = make_rows(n, 1)
        for name, shape in SHAPES.items():
            print(f"\n{n} rows x {COLUMNS}, {name}, {arguments.trees} trees\n")
            print("| library | binning s | training s | ms a tree | prediction s | log loss |")
            print("| --- | --- | --- | --- | --- | --- |")
            compare(found, rows, test, shape, arguments.trees, arguments.repeats)
            if index == 0:
                is_equal &= same_model(arguments.library, rows, shape, min(arguments.trees, 20))
    return 0 if is_equal else 1


if __name__ == "__main__":
    sys.exit(main())
