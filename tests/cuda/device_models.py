#!/usr/bin/env python3
"""One model from CPU and device: trains the same data and keys with both and compares the bytes of
the models, then the bytes of every kind of prediction.

    tests/cuda/device_models.py [--rows N] GBT GBT_SYNTH [DEVICE]

GBT and GBT_SYNTH are the programs; DEVICE is cuda unless given. Needs Python alone. Prints a line
for each combination with the model's checksum; exit code 1 when one differs, 77 when there is no
device."""

import argparse
import hashlib
import os
import random
import subprocess
import sys
import tempfile

# Name -> data set, keys. Every objective, growth, kind of column, sampling and width of gradients.
COMBINATIONS = {
    "binary": ("higgs", "objective=binary"),
    "binary deep": ("higgs", "objective=binary max_leaves=255 min_child_samples=1"),
    "binary depthwise": ("higgs", "objective=binary grow_policy=depthwise max_depth=8"),
    "binary symmetric": ("higgs", "objective=binary grow_policy=symmetric max_depth=6"),
    "regression": ("friedman1", "objective=regression"),
    "regression wide gradients": ("friedman1", "objective=regression gradient_bits=32"),
    "regression narrow gradients": ("friedman1", "objective=regression gradient_bits=4"),
    "regression nearest": ("friedman1", "objective=regression gradient_rounding=nearest"),
    "heavy tails": ("tails", "objective=regression"),
    "regularised": ("friedman1", "reg_alpha=0.5 reg_lambda=3 path_smooth=2 max_delta_step=0.3"),
    "few bins": ("friedman1", "objective=regression max_bin=7"),
    "mae": ("friedman1", "objective=mae"),
    "quantile": ("friedman1", "objective=quantile quantile=0.8"),
    "huber": ("friedman1", "objective=huber"),
    "poisson": ("counts", "objective=poisson"),
    "tweedie": ("counts", "objective=tweedie"),
    "sampled": (
        "higgs",
        "objective=binary subsample=0.4 colsample_bytree=0.6 colsample_bynode=0.5",
    ),
    "categories": ("categorical", "objective=binary min_data_per_group=10"),
    "categories one by one": ("categorical", "objective=binary max_cat_to_onehot=40"),
    "categories symmetric": ("categorical", "objective=binary grow_policy=symmetric"),
    "sparse": ("sparse", "objective=binary"),
    "wide": ("wide", "objective=regression"),
    "multiclass": ("blobs", "objective=multiclass"),
    "multiclassova": ("blobs", "objective=multiclassova"),
    "weighted": ("weighted", "objective=regression weight=w"),
}
OUTPUTS = ("raw", "response", "class", "leaf")
SKIPPED = 77


def run(*command, code=0):
    done = subprocess.run(command, capture_output=True, text=True)
    if code is not None and done.returncode != code:
        sys.exit(f"{' '.join(command)}: exit code {done.returncode}\n{done.stderr}")
    return done


def write_own(path, kind, rows):
    """What the generator does not have: heavy tails, counts, weights."""
    draw = random.Random(7)
    with open(path, "w", encoding="ascii") as file:
        file.write("a,b,c,w,y\n" if kind == "weighted" else "a,b,c,y\n")
        for _ in range(rows):
            a, b, c = draw.random(), draw.gauss(0, 1), draw.randrange(9)
            y = 3 * a - b + (c == 4)
            if kind == "tails":
                y *= draw.paretovariate(0.7)
            if kind == "counts":
                y = int(abs(y) * draw.random() * 3)
            cells = [f"{a:.5f}", "" if c == 7 else f"{b:.5f}", str(c)]
            cells += [f"{draw.random() * 4:.3f}"] if kind == "weighted" else []
            file.write(",".join(cells + [f"{y:.6g}"]) + "\n")


def make_data(synth, folder, kind, rows):
    path = os.path.join(folder, kind + (".svm" if kind == "sparse" else ".csv"))
    if not os.path.exists(path):
        if kind in ("tails", "counts", "weighted"):
            write_own(path, kind, rows)
        else:
            extra = ["features=300"] if kind == "wide" else []
            n = rows // 10 if kind in ("wide", "sparse") else rows
            with open(path, "wb") as file:
                subprocess.run(
                    [synth, kind, f"rows={n}", "seed=3", *extra], stdout=file, check=True
                )
    return path


def checksum(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()[:16]


def compare(gbt, folder, data, keys, device):
    """Differences as a list of words, and the checksum of the model."""
    models = {}
    for where in ("cpu", device):
        path = os.path.join(folder, f"{where.replace(':', '_')}.gbt")
        run(
            gbt,
            "train",
            f"train={data}",
            f"model={path}",
            f"device={where}",
            "n_trees=20",
            "verbosity=quiet",
            *keys.split(),
        )
        models[where] = path
    differ = [] if checksum(models["cpu"]) == checksum(models[device]) else ["model"]
    for output in OUTPUTS:
        ask = [gbt, "predict", f"model={models['cpu']}", f"data={data}", f"output={output}"]
        there = run(*ask, f"device={device}", code=None)
        here = run(*ask, code=None)
        if (here.returncode, here.stdout) != (there.returncode, there.stdout):
            differ.append(output)
    part = [gbt, "predict", f"model={models['cpu']}", f"data={data}", "trees_from=3", "trees_to=11"]
    if run(*part).stdout != run(*part, f"device={device}").stdout:
        differ.append("trees_from, trees_to")
    return differ, checksum(models["cpu"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=20000)
    parser.add_argument("gbt")
    parser.add_argument("synth")
    parser.add_argument("device", nargs="?", default="cuda")
    arguments = parser.parse_args()
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        probe = make_data(arguments.synth, folder, "friedman1", arguments.rows)
        found = run(
            arguments.gbt, "check", f"train={probe}", f"device={arguments.device}", code=None
        )
        if found.returncode == 5:
            print(f"NOT COMPARED: {found.stderr.strip()}")
            return SKIPPED
        for name, (kind, keys) in COMBINATIONS.items():
            data = make_data(arguments.synth, folder, kind, arguments.rows)
            differ, sha = compare(arguments.gbt, folder, data, keys, arguments.device)
            print(f"{name:28} {sha}  {'DIFFERS: ' + ', '.join(differ) if differ else 'equal'}")
            sys.stdout.flush()
            bad |= bool(differ)
    print(f"{len(COMBINATIONS)} combinations, {'some differ' if bad else 'all equal'}")
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
