#!/usr/bin/env python3
"""Equal data, settings and seed give equal bytes, whatever compiles and runs gbt: compiler,
optimisation, vector code, number of threads, backend. Trains every combination of CASES in every
way and demands one SHA-256 per combination.

    tests/repro/one_model.py --quick build/dev/gbt build/dev/gbt-synth
        one build: threads 1, 2, 3 and 8, and the reference backend
    tests/repro/one_model.py
        builds gbt and gbt-synth below build/repro with every compiler found, optimised and not,
        with and without vector code and OpenMP, and does the same with each; the generated data
        must agree too

Prints a table of hashes. Exit code 0: one model each; 1: the table names those that differ."""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
THREADS = (1, 2, 3, 8)

# What gbt-synth writes; more rows than one chunk of any loop, so that threads do share the work.
GENERATED = {
    "friedman1.csv": "friedman1 rows=20000 seed=1",
    "piecewise.csv": "piecewise rows=9000 seed=2",
    "blobs.csv": "blobs rows=9000 seed=3 groups=5 features=9",
    "categorical.csv": "categorical rows=20000 seed=4 features=14",
    "sparse.svm": "sparse rows=6000 seed=5 features=400",
    "higgs.csv": "higgs rows=9000 seed=6",
}
COMMITTED = {
    "flights.csv.gz": "datasets/small/flights_train.csv.gz",
    "flights_onehot.svm.gz": "datasets/small/flights_onehot_train.svm.gz",
}
# File and settings of each combination.
CASES = {
    "regression": "friedman1.csv objective=regression",
    "mae symmetric": "friedman1.csv objective=mae grow_policy=symmetric max_depth=5",
    "huber depthwise":
        "friedman1.csv objective=huber huber_delta=2 grow_policy=depthwise subsample=0.6",
    "fair early stop":
        "friedman1.csv objective=fair valid_fraction=0.2 early_stopping_rounds=2 "
        "learning_rate=0.9",
    "mape": "friedman1.csv objective=mape reg_lambda=0 min_child_samples=60",
    "quantile bynode":
        "piecewise.csv objective=quantile quantile=0.8 path_smooth=3 colsample_bynode=0.5",
    "poisson": "blobs.csv objective=poisson",
    "tweedie": "blobs.csv objective=tweedie reg_alpha=1 max_delta_step=0.5",
    "multiclass": "blobs.csv objective=multiclass subsample=0.7 colsample_bylevel=0.7",
    "ova 32 bits":
        "blobs.csv objective=multiclassova gradient_bits=32 grow_policy=depthwise max_depth=4",
    "binary text": "categorical.csv objective=binary max_leaves=63",
    "binary sorted":
        "categorical.csv objective=binary grow_policy=symmetric min_data_per_group=20 "
        "cat_smooth=1 max_bin=63 max_cat_to_onehot=1",
    "auc early stop":
        "higgs.csv objective=binary metric=auc,logloss valid_fraction=0.3 "
        "early_stopping_rounds=2",
    "8 bits":
        "higgs.csv objective=binary gradient_bits=8 max_leaves=200 min_child_samples=2 "
        "sample_for_bins=3000",
    "cross entropy": "sparse.svm objective=cross_entropy min_child_samples=5",
    "binary sparse":
        "sparse.svm objective=binary colsample_bytree=0.5 subsample=0.5 subsample_freq=2",
    "flights": "flights.csv.gz label=late objective=binary",
    "flights onehot":
        "flights_onehot.svm.gz objective=binary is_unbalance=true gradient_rounding=nearest",
}


def fail(message):
    sys.exit(f"one_model: {message}")


def run(command, **options):
    done = subprocess.run(
        command, capture_output=True, text=True, stdin=subprocess.DEVNULL, **options
    )
    if done.returncode != 0:
        said = f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
        fail(f"{' '.join(map(str, command))}\n{said}")
    return done


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def generate(synth, folder):
    """Writes the data sets; returns {name: hash}."""
    for name, arguments in GENERATED.items():
        with open(os.path.join(folder, name), "wb") as file:
            command = [synth, *arguments.split()]
            subprocess.run(command, stdout=file, check=True, stdin=subprocess.DEVNULL)
    return {f"data {name}": sha256(os.path.join(folder, name)) for name in GENERATED}


def train(gbt, case, way, folder):
    """Hash of the model file of one case; `way`: what must not matter, as key=value."""
    data, *settings = CASES[case].split()
    path = os.path.join(ROOT, COMMITTED[data]) if data in COMMITTED else os.path.join(folder, data)
    model = os.path.join(folder, "model.gbt")
    environment = dict(os.environ, OMP_WAIT_POLICY="passive")
    run([gbt, "train", f"train={path}", f"model={model}", "seed=7", "n_trees=6", "verbosity=quiet",
         *settings, *way], env=environment)
    return sha256(model)


def ways():
    return [(f"threads={t}",) for t in THREADS] + [("device=ref", "threads=1")]


def train_all(build, gbt, folder, seen):
    """Trains every case in every way; seen[case][hash] collects who got the hash."""
    for case in CASES:
        for way in ways():
            digest = train(gbt, case, way, folder)
            seen.setdefault(case, {}).setdefault(digest, []).append(f"{build} {way[0]}")


def report(seen, n_builds):
    """Prints the table; returns the names of the cases with more than one hash."""
    width = max(map(len, seen))
    for case, found in seen.items():
        for digest, who in sorted(found.items(), key=lambda item: -len(item[1])):
            mark = "" if len(found) == 1 else f"  {', '.join(who)}"
            print(f"{case:{width}}  {digest}  {len(who):3} runs{mark}")
    differing = [case for case, found in seen.items() if len(found) > 1]
    print(f"one_model: {len(seen)} files, {n_builds} builds, "
          + (f"DIFFERING: {', '.join(differing)}" if differing else "one SHA-256 each"))
    return differing


def variants():
    """(name, CMake arguments) of every build that can be made here."""
    found = []
    for compiler in ("gcc", "clang"):
        if not shutil.which(compiler):
            print(f"one_model: {compiler} is not here, its builds are SKIPPED")
            continue
        choice = f"-DCMAKE_C_COMPILER={compiler}"
        for kind in ("Release", "Debug"):
            for simd in ("ON", "OFF"):
                found.append((f"{compiler}-{kind}-simd-{simd}",
                              [choice, f"-DCMAKE_BUILD_TYPE={kind}", f"-DGBT_SIMD={simd}"]))
        found.append((f"{compiler}-serial",
                      [choice, "-DCMAKE_BUILD_TYPE=Release", "-DGBT_OPENMP=OFF"]))
    return found


def build(name, arguments):
    """Returns the folder with both programs."""
    folder = os.path.join(ROOT, "build", "repro", name)
    generator = ["-G", "Ninja"] if shutil.which("ninja") else []
    run(["cmake", "-S", ROOT, "-B", folder, *generator, "-DGBT_TESTS=OFF", *arguments])
    jobs = str(os.cpu_count())
    run(["cmake", "--build", folder, "--parallel", jobs, "--target", "gbt", "gbt-synth"])
    return folder


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    programs = ("GBT", "SYNTH")
    parser.add_argument("--quick", nargs=2, metavar=programs, help="one build: its programs")
    parser.add_argument("--only", default="", help="only variants whose name contains this text")
    options = parser.parse_args()
    seen = {}
    with tempfile.TemporaryDirectory(prefix="gbt-repro-") as folder:
        if options.quick:
            gbt, synth = map(os.path.abspath, options.quick)
            generate(synth, folder)
            train_all("this build", gbt, folder, seen)
            n_builds = 1
        else:
            chosen = [v for v in variants() if options.only in v[0]]
            n_builds = len(chosen)
            for name, arguments in chosen:
                print(f"one_model: {name}", flush=True)
                programs = build(name, arguments)
                for data, digest in generate(os.path.join(programs, "gbt-synth"), folder).items():
                    seen.setdefault(data, {}).setdefault(digest, []).append(name)
                train_all(name, os.path.join(programs, "gbt"), folder, seen)
    if not seen:
        fail("no build to try")
    sys.exit(1 if report(seen, n_builds) else 0)


if __name__ == "__main__":
    main()
