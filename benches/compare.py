#!/usr/bin/env python3
"""Time and memory of gbt beside LightGBM, XGBoost, CatBoost, scikit-learn and YDF at equal work.

    python3 benches/compare.py [--groups a,b,c,d,e,f] [--threads 1,2] [--repeats 3] [--build DIR]
                               [--libraries lightgbm,lightgbm_quantised,xgboost,...] [--out DIR]

Makes its own Python environment from PyPI on the first run. A run is one process: a library reads
the training file, bins, trains, predicts the test file. Repeats of all libraries alternate; medians
count. gbt is measured through the C API (bench_train, for the phases) and as the whole command
(`gbt train`: file in, model out). Prints one Markdown table a load and thread number with the ratio
of gbt to the fastest peer, and writes the raw rows as CSV and a plot. Loads: compare_loads.py; how
peers are called: compare_peers.py. Real sets are read from ../shared/data; without it their loads
are skipped.
"""

import argparse
import csv
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

from common import OUT, ROOT, Report, data_is_absent, enter_environment
from compare_loads import LOADS, prepare

PACKAGES = ["lightgbm", "xgboost", "catboost", "scikit-learn", "pandas", "pyarrow", "matplotlib"]
PEERS = ["lightgbm", "lightgbm_quantised", "xgboost", "catboost", "sklearn"]
FIELDS = ["load", "bin", "train", "predict", "whole", "peak_mb", "auc", "logloss", "error", "rmse",
          "single_p50_ns", "single_p99_ns"]  # fmt: skip


def gbt_keys(spec):
    keys = {
        "train": spec["train"],
        "objective": spec["task"],
        "n_trees": spec["trees"],
        "max_leaves": spec["leaves"],
        "learning_rate": spec["rate"],
        "max_bin": spec["bins"],
        "min_child_samples": spec["min_rows"],
        "min_child_weight": spec["min_hessian"],
        "reg_lambda": spec["lambda"],
        "threads": spec["threads"],
        "categorical": ",".join(spec["categorical"]),
        "label": "" if spec["columns"] else "label",
    }
    return [f"{k}={v}" for k, v in keys.items() if v != ""]


def gbt_run(build, spec, folder):
    metric = {"binary": "auc,logloss", "multiclass": "multi_error", "regression": "rmse"}
    words = [*gbt_keys(spec), f"test={spec['test']}", f"metric={metric[spec['task']]}"]
    done = subprocess.run([build / "bench_train", *words], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"bench_train {' '.join(words)}: {done.stderr}")
    result = json.loads(done.stdout)
    result["error"] = result.pop("multi_error", None)
    start = time.perf_counter()
    words = [*gbt_keys(spec), f"model={folder}/model.gbt", "verbosity=quiet"]
    subprocess.run([build / "gbt", "train", *words], check=True)
    result["whole"] = time.perf_counter() - start
    return result


def peer_run(library, spec, folder):
    path = folder / "specification.json"
    path.write_text(json.dumps(spec))
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("compare_peers.py")), library, str(path)],
        capture_output=True,
        text=True,
    )
    if done.returncode == 3:
        return None
    if done.returncode != 0:
        raise SystemExit(f"{library}: {done.stderr[-2000:]}")
    result = json.loads(done.stdout)
    # The job of a user: without the start of the interpreter, which is not the library's.
    result["whole"] = result["load"] + result["bin"] + result["train"]
    result["process"] = time.perf_counter() - start
    return result


def medians(runs):
    return {
        f: statistics.median(r[f] for r in runs)
        for f in FIELDS
        if all(r.get(f) is not None for r in runs)
    }


def score_text(found):
    names = [f for f in ("auc", "error", "rmse") if f in found]
    texts = [f"{n} {found[n]:.5g}" for n in names]
    if "logloss" in found:
        texts.append(f"logloss {found['logloss']:.5f}")
    return ", ".join(texts)


def show(report, load, spec, results):
    report.line(
        f"**{load.group}: {load.name}**, {spec['trees']} trees, {spec['leaves']} leaves, "
        f"{spec['threads']} thread{'s' if spec['threads'] > 1 else ''}"
    )
    report.line()
    report.header(
        "library", "load s", "bin s", "train s", "load to model s", "predict s", "peak MB", "test"
    )
    for library, found in results.items():
        times = [f"{found[f]:.3f}" for f in ("load", "bin", "train", "whole", "predict")]
        report.row(library, *times, f"{found['peak_mb']:.0f}", score_text(found))
    peers = {k: v for k, v in results.items() if k != "gbt"}
    if peers:
        cells = []
        for field in ("load", "bin", "train", "whole", "predict", "peak_mb"):
            best = min(v[field] for v in peers.values() if v[field] > 0)
            cells.append(f"{results['gbt'][field] / best:.2f}")
        report.row("gbt to the best peer", *cells, "")
    report.line()


def summary(report, rows):
    """A line a load: training times of all, ratios of gbt to the best peer, the test metric."""
    libraries = [l for l in ["gbt", *PEERS, "ydf"] if any(r["library"] == l for r in rows)]
    ratios = ["train", "load to model", "predict", "memory"]
    report.header(
        "load", "threads", *(f"{l}, s" for l in libraries), *ratios, "test: gbt", "best peer"
    )
    for key in dict.fromkeys((r["group"], r["name"], r["threads"]) for r in rows):
        found = {}
        for library in libraries:
            runs = [r for r in rows if (r["group"], r["name"], r["threads"]) == key]
            runs = [r for r in runs if r["library"] == library]
            if runs:
                found[library] = medians(runs)
        mine, peers = found["gbt"], [v for k, v in found.items() if k != "gbt"]
        cells = [f"{found[l]['train']:.3f}" if l in found else "" for l in libraries]
        for field in ("train", "whole", "predict", "peak_mb"):
            cells.append(f"{mine[field] / min(p[field] for p in peers):.2f}")
        metric = next(m for m in ("auc", "error", "rmse") if m in mine)
        best = (max if metric == "auc" else min)(p[metric] for p in peers)
        report.row(
            f"{key[0]}: {key[1]}", key[2], *cells, f"{metric} {mine[metric]:.5g}", f"{best:.5g}"
        )
    report.line()


def draw(rows, path):
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    loads = sorted({(r["group"], r["name"], r["threads"]) for r in rows})
    figure, axes = pyplot.subplots(figsize=(9, 0.4 * len(loads) + 1.5))
    for place, key in enumerate(loads):
        runs = [r for r in rows if (r["group"], r["name"], r["threads"]) == key]
        train = {
            library: statistics.median(float(r["train"]) for r in runs if r["library"] == library)
            for library in {r["library"] for r in runs}
        }
        for library in train:
            axes.plot(
                train[library] / train["gbt"],
                place,
                "s" if library == "gbt" else "o",
                color=f"C{(['gbt'] + PEERS + ['ydf']).index(library)}",
                label=library if place == 0 else None,
            )
    axes.set_yticks(range(len(loads)), [f"{g}: {n}, {t} thr." for g, n, t in loads])
    axes.set_xscale("log")
    axes.set_xlabel("training time, gbt = 1")
    axes.legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(path, dpi=150)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--groups", default="a,b,c,d,e,f")
    parser.add_argument("--loads", default="", help="names, separated by commas; default: all")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--libraries", default=",".join(PEERS))
    parser.add_argument("--build", type=Path, default=ROOT / "build" / "release")
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    libraries = [l for l in arguments.libraries.split(",") if l]
    packages = PACKAGES + ["ydf"] * ("ydf" in libraries)
    enter_environment(arguments.out / "compare_venv", packages)
    targets = ["gbt", "gbt-synth", "bench_train"]  # never those of an earlier state of the source
    subprocess.run(
        ["cmake", "--build", arguments.build, "--target", *targets],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    has_data = not data_is_absent("the loads from real sets do not run")
    report, rows = Report(), []
    names = [n for n in arguments.loads.split(",") if n]
    for load in LOADS:
        if load.group not in arguments.groups.split(",") or (names and load.name not in names):
            continue
        if not load.is_generated and not has_data:
            continue
        folder = arguments.out / "loads" / load.name.replace(" ", "_")
        spec = prepare(load, arguments.build / "gbt-synth", folder)
        for threads in (int(t) for t in arguments.threads.split(",")):
            spec["threads"] = threads
            runs = {library: [] for library in ["gbt", *libraries]}
            for repeat in range(arguments.repeats):
                for library in list(runs):
                    found = (
                        gbt_run(arguments.build, spec, folder)
                        if library == "gbt"
                        else peer_run(library, spec, folder)
                    )
                    if found is None:
                        del runs[library]
                        continue
                    runs[library].append(found)
                    rows.append({"group": load.group, "name": load.name, "threads": threads,
                                 "library": library, "repeat": repeat, **found})  # fmt: skip
            show(report, load, spec, {k: medians(v) for k, v in runs.items()})
            report.save(arguments.out / "compare.md")
            with open(arguments.out / "compare.csv", "w", newline="") as file:
                fields = ["group", "name", "threads", "library", "repeat", *FIELDS, "process"]
                table = csv.DictWriter(file, fields)
                table.writeheader()
                table.writerows(rows)
    if rows:
        summary(report, rows)
        report.save(arguments.out / "compare.md")
        draw(rows, arguments.out / "compare.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
