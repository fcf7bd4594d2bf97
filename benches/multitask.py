#!/usr/bin/env python3
"""Robust multi-task boosting on the data of its paper, beside the other ways to share tasks.

    python3 benches/multitask.py [--gbt build/release/gbt] [--repeats 10] [--synthetic 30]
                                 [--sets school,landmine] [--settings paper,ours]

Two experiments [Emami25]. Synthetic: ten tasks, two of them outliers, 300 training and 1,000 test
rows a task, one data set a seed. Real: shuffled 80/20 splits, the first with the seed of the paper.
`paper`: stumps, plain mean leaves, no base score, the rounds that the authors' search chose
(robust, shared) or the best of four by five folds stratified by task (the others). `ours`: Newton
leaves, 15 leaves, base score, rounds by early stopping on a tenth of the training rows. The data is
read from ../shared/data; without it only the synthetic experiment runs.
"""

import argparse
import tempfile
import time
from pathlib import Path

from common import DATA, GBT, OUT, ROOT, Report, data_is_absent, enter_environment, run_gbt

PACKAGES = ["numpy", "pandas", "scikit-learn"]
MODES = ["robust", "shared", "single", "pooled", "feature", "clustered"]

# name: file or files, label, task column, task kind, columns to leave out, rounds of robust, of
# shared (shared, robust, task), published score of R-MTGB, MTB, STL, pooling, TaF
SETS = {
    "abalone": (
        "abalone/abalone.csv", "rings", "Task", "regression", [],
        (50, 50, 100), (50, 0, 100), (2.3022, 2.3231, 2.3644, 2.4439, 2.4199),
    ),
    "computer_survey": (
        "computer_survey/computer_survey.csv", "rating", "task", "regression", [],
        (50, 30, 0), (50, 0, 0), (2.5180, 2.5409, 2.7981, 2.5130, 2.4487),
    ),
    "parkinsons": (
        "parkinsons/parkinsons.csv", "total_UPDRS", "task", "regression", [],
        (0, 20, 100), (20, 0, 100), (0.2589, 0.3053, 0.2518, 8.7257, 6.4694),
    ),
    "school": (
        "school/school.csv", "exam_score", "task", "regression", [],
        (50, 50, 20), (50, 0, 20), (10.1693, 10.1932, 10.3471, 10.4449, 10.4290),
    ),
    "adult_gender": (
        "adult/train.csv.gz adult/test.csv.gz", "income", "sex", "classes", ["race"],
        (50, 50, 100), (50, 0, 100), (0.8502, 0.8490, 0.8418, 0.8382, 0.8382),
    ),
    "adult_race": (
        "adult/train.csv.gz adult/test.csv.gz", "income", "race", "classes", ["sex"],
        (50, 50, 100), (50, 0, 100), (0.8494, 0.8482, 0.8378, 0.8382, 0.8382),
    ),
    "avila": (
        "avila/multitask.csv.gz", "class", "Task", "classes", [],
        (50, 50, 20), (50, 0, 20), (0.5689, 0.5531, 0.5722, 0.4895, 0.4408),
    ),
    "bank_marketing": (
        "bank_marketing/bank_marketing.csv.gz", "y", "job", "classes", [],
        (50, 50, 100), (50, 0, 100), (0.8924, 0.8912, 0.8893, 0.8859, 0.8859),
    ),
    "landmine": (
        "landmine/landmine.csv.gz", "label", "task", "classes", [],
        (50, 50, 50), (30, 0, 50), (0.9443, 0.9443, 0.9450, 0.9376, 0.9376),
    ),
}  # fmt: skip

PAPER = {
    "max_leaves": 2,
    "leaf_estimation": "mean",
    "boost_from_average": "false",
    "reg_lambda": 0,
    "min_child_samples": 1,
    "min_child_weight": 0,
}
ROUNDS_OF_SEARCH = (20, 30, 50, 100)


def paper_keys(mode, rounds, rate):
    """Keys of the published program. `rounds` = (shared, robust, task), or a number for the modes
    with one block."""
    keys = {**PAPER, "mode": mode, "learning_rate": rate}
    if mode == "robust":
        keys.update(theta_step="sum", n_trees_shared=rounds[0], n_trees_robust=rounds[1])
        keys.update(n_trees_task=rounds[2])
    elif mode in ("shared", "clustered"):
        keys.update(n_trees_shared=rounds[0], n_trees_task=rounds[2])
    else:
        keys["n_trees_task" if mode == "single" else "n_trees_shared"] = rounds
    return keys


def our_keys(mode):
    keys = {"mode": mode, "max_leaves": 15, "valid_fraction": 0.1, "early_stopping_rounds": 30}
    keys["min_child_samples"] = 5
    if mode != "single":
        keys["n_trees_shared"] = 500
    if mode == "robust":
        keys["n_trees_robust"] = 300
    if mode in ("robust", "shared", "single", "clustered"):
        keys["n_trees_task"] = 300
    return keys


class Files:
    """Training and test rows of one split as files that gbt reads."""

    def __init__(self, folder, label, task, kind):
        self.folder, self.label, self.task, self.kind = Path(folder), label, task, kind

    def write(self, train, test):
        train.to_csv(self.folder / "train.csv", index=False)
        test.to_csv(self.folder / "test.csv", index=False)
        self.test = test

    def objective(self, is_paper):
        """The paper's programs give every class a score, two classes as well."""
        if self.kind == "regression":
            return {"objective": "regression"}
        n = self.test[self.label].nunique()
        return {"objective": "multiclass"} if is_paper or n > 2 else {}

    def score(self, gbt, keys, is_paper):
        """(RMSE or accuracy, seconds of training) on the test rows."""
        import numpy as np
        import pandas as pd

        model = self.folder / "model.gbt"
        begin = time.monotonic()
        run_gbt(
            gbt, "multitask", train=self.folder / "train.csv", label=self.label, task=self.task,
            model=model, **self.objective(is_paper), **keys,
        )  # fmt: skip
        seconds = time.monotonic() - begin
        output = "response" if self.kind == "regression" else "class"
        found = self.folder / "found.csv"
        run_gbt(
            gbt, "predict", model=model, data=self.folder / "test.csv", output=output,
            predictions=found,
        )  # fmt: skip
        found = pd.read_csv(found).iloc[:, 0]
        truth = self.test[self.label]
        if self.kind == "regression":
            self.error = (found - truth.to_numpy()).to_numpy()
            return float(np.sqrt(np.mean(self.error**2))), seconds
        self.error = (found.astype(str) != truth.astype(str).to_numpy()).to_numpy()
        return float(1 - np.mean(self.error)), seconds


def search(gbt, train, files, mode, rate, rounds):
    """The number of rounds with the best mean score in five folds stratified by task."""
    from sklearn.model_selection import StratifiedKFold

    best = None
    for count in rounds:
        total = 0.0
        folds = StratifiedKFold(5, shuffle=True, random_state=0)
        with tempfile.TemporaryDirectory() as work:
            inner = Files(work, files.label, files.task, files.kind)
            for kept, held in folds.split(train, train[files.task]):
                inner.write(train.iloc[kept], train.iloc[held])
                total += inner.score(gbt, paper_keys(mode, count, rate), True)[0]
        score = -total if files.kind == "regression" else total
        if best is None or score > best[0]:
            best = (score, count)
    return best[1]


def load(name):
    import pandas as pd

    paths, label, task, kind, leave_out = SETS[name][:5]
    table = pd.concat([pd.read_csv(DATA / p) for p in paths.split()], ignore_index=True)
    return table.drop(columns=leave_out), label, task, kind


def real(gbt, name, settings, repeats, report):
    """One line of the table for each settings: mean and deviation of every mode."""
    import numpy as np
    from sklearn.model_selection import train_test_split

    table, label, task, kind = load(name)
    robust, shared, published = SETS[name][5:]
    chosen, scores, seconds = {}, {s: {m: [] for m in MODES} for s in settings}, 0.0
    for repeat in range(repeats):
        train, test = train_test_split(table, test_size=0.2, random_state=42 + repeat)
        with tempfile.TemporaryDirectory() as work:
            files = Files(work, label, task, kind)
            files.write(train, test)
            for setting in settings:
                for mode in MODES:
                    is_paper = setting == "paper"
                    keys = our_keys(mode)
                    if is_paper and mode in ("robust", "shared", "clustered"):
                        keys = paper_keys(mode, robust if mode == "robust" else shared, 0.1)
                    elif is_paper:
                        if mode not in chosen:
                            chosen[mode] = search(gbt, train, files, mode, 0.1, ROUNDS_OF_SEARCH)
                        keys = paper_keys(mode, chosen[mode], 0.1)
                    score, spent = files.score(gbt, keys, is_paper)
                    scores[setting][mode].append(score)
                    seconds += spent
    for setting in settings:
        cells = [
            f"{np.mean(scores[setting][m]):.4f} +- {np.std(scores[setting][m]):.4f}" for m in MODES
        ]
        report.row(name, setting, *cells)
    first = [scores["paper"][m][0] if "paper" in settings else float("nan") for m in MODES[:5]]
    report.row(name, "paper, first split", *[f"{v:.4f}" for v in first], "")
    report.row(name, "published", *[f"{v:.4f}" for v in published], "")


def synthetic(gbt, gbt_synth, kind, repeats, report):
    """Scenario 4: RMSE or accuracy over all, ordinary and outlier tasks; separation by weight."""
    import json
    import subprocess

    import numpy as np
    import pandas as pd

    n_tasks, n_outliers = 10, 2
    columns = {m: [] for m in MODES}
    gaps, wins = [], 0
    chosen = {}
    for seed in range(repeats):
        with tempfile.TemporaryDirectory() as work:
            text = subprocess.run(
                [
                    str(gbt_synth),
                    f"multitask_{kind}",
                    "rows=13000",
                    "groups=10",
                    "outliers=2",
                    f"seed={seed}",
                ],
                check=True,
                stdout=subprocess.PIPE,
                text=True,
            ).stdout
            path = Path(work) / "all.csv"
            path.write_text(text)
            table = pd.read_csv(path)
            in_train = table.groupby("task").cumcount() < 300
            label = table.columns[-1] if table.columns[-1] != "task" else table.columns[-2]
            files = Files(work, label, "task", "regression" if kind == "regression" else "classes")
            train, test = table[in_train], table[~in_train]
            files.write(train, test)
            is_outlier = (test["task"] >= n_tasks - n_outliers).to_numpy()
            for mode in MODES:
                rounds = {"robust": (0, 50, 0), "shared": (50, 0, 50), "clustered": (50, 0, 50)}
                if mode not in rounds and mode not in chosen:
                    chosen[mode] = search(gbt, train, files, mode, 1, ROUNDS_OF_SEARCH[:3])
                files.score(gbt, paper_keys(mode, rounds.get(mode, chosen.get(mode)), 1), True)
                error = files.error.astype(float)
                shape = (lambda e: np.sqrt(np.mean(e**2))) if kind == "regression" else (
                    lambda e: 1 - np.mean(e)
                )  # fmt: skip
                columns[mode].append(
                    [shape(error), shape(error[~is_outlier]), shape(error[is_outlier])]
                )
                if mode == "robust":
                    info = json.loads(run_json(gbt, files.folder / "model.gbt"))
                    weight = np.array([t["outlier"] for t in info["tasks"]])
                    ordinary, outlier = weight[: n_tasks - n_outliers], weight[-n_outliers:]
                    gaps.append(np.abs(outlier[:, None] - ordinary[None, :]).min())
            sign = -1 if kind == "regression" else 1
            wins += max(MODES, key=lambda m: sign * columns[m][-1][0]) == "robust"
    for mode in MODES:
        mean, spread = np.mean(columns[mode], axis=0), np.std(columns[mode], axis=0)
        report.row(kind, mode, *[f"{m:.4f} +- {s:.4f}" for m, s in zip(mean, spread)])
    report.line()
    report.line(
        f"{kind}: robust is the best mode in {wins} of {repeats} repetitions; smallest gap "
        f"between the weights of an outlier and an ordinary task: {min(gaps):.3f}, mean "
        f"{np.mean(gaps):.3f}."
    )


def run_json(gbt, model):
    import subprocess

    return subprocess.run(
        [str(gbt), "info", f"model={model}", "--json"],
        check=True, stdout=subprocess.PIPE, text=True,
    ).stdout  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--gbt", default=str(GBT))
    parser.add_argument("--gbt-synth", default=str(GBT.with_name("gbt-synth")))
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--settings", default="paper,ours")
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--synthetic", type=int, default=30, help="repetitions; 0: leave it out")
    arguments = parser.parse_args()
    enter_environment(OUT / "venv", PACKAGES)
    report = Report()
    if arguments.synthetic > 0:
        for kind in ("regression", "classification"):
            report.header("scenario 4", "mode", "all tasks", "ordinary tasks", "outlier tasks")
            synthetic(arguments.gbt, arguments.gbt_synth, kind, arguments.synthetic, report)
            report.line()
    if arguments.sets and not data_is_absent("the experiment on real data does not run"):
        report.header("set", "settings", *MODES)
        for name in arguments.sets.split(","):
            real(arguments.gbt, name, arguments.settings.split(","), arguments.repeats, report)
    report.save(OUT / "multitask.md")


if __name__ == "__main__":
    main()
