#!/usr/bin/env python3
"""Robust multi-task boosting on the data of its paper, beside the other ways to share tasks.

    python3 benches/multitask.py [--gbt build/release/gbt] [--parts synthetic,real,reference]
                                 [--synthetic 30] [--repeats 10] [--sets school,landmine]
                                 [--settings paper,ours] [--reference R-MTGB]

`synthetic`: ten tasks, two of them outliers, 300 training and 1,000 test rows a task, a data set a
seed (scenario 4 of [Emami25]). `real`: shuffled 80/20 splits of the data sets of the paper in
../shared/data, the first one that of the published scores. `reference`: a checkout of the
published program, GAA-UAM/R-MTGB, on the same rows with the same settings: error and time.

Settings. `paper`: those of the published program (stumps, plain mean leaves, no base score, theta
by the sum, one-hot columns), with the rounds that the authors' search chose for robust and shared,
and the best of some by five folds stratified by task for the others; clustered takes those of
shared. `ours`: the defaults of gbt but for the keys in OURS, with rounds by early stopping; robust
begins with a short shared block, since what pooled trees learn from outlier tasks has to be undone
later.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import DATA, GBT, OUT, Report, data_is_absent, enter_environment

PACKAGES = ["numpy", "pandas", "scikit-learn==1.6.1"]  # the newest that the reference runs with
MODES = ["robust", "shared", "single", "pooled", "feature", "clustered"]

# name: file or files, label, task column, kind, columns to leave out, rows of the authors' own
# training part (0: none), rounds of robust and of shared (shared, robust, task), published score
# of R-MTGB, MTB, STL, pooling, TaF
SETS = {
    "abalone": (
        "abalone/abalone.csv", "rings", "Task", "regression", [], 0,
        (50, 50, 100), (50, 0, 100), (2.3022, 2.3231, 2.3644, 2.4439, 2.4199),
    ),
    "computer_survey": (
        "computer_survey/computer_survey.csv", "rating", "task", "regression", [], 0,
        (50, 30, 0), (50, 0, 0), (2.5180, 2.5409, 2.7981, 2.5130, 2.4487),
    ),
    "parkinsons": (
        "parkinsons/parkinsons.csv", "total_UPDRS", "task", "regression", [], 0,
        (0, 20, 100), (20, 0, 100), (0.2589, 0.3053, 0.2518, 8.7257, 6.4694),
    ),
    "school": (
        "school/school.csv", "exam_score", "task", "regression", [], 0,
        (50, 50, 20), (50, 0, 20), (10.1693, 10.1932, 10.3471, 10.4449, 10.4290),
    ),
    "adult_gender": (
        "adult/train.csv.gz adult/test.csv.gz", "income", "sex", "classes", ["race"], 32561,
        (50, 50, 100), (50, 0, 100), (0.8502, 0.8490, 0.8418, 0.8382, 0.8382),
    ),
    "adult_race": (
        "adult/train.csv.gz adult/test.csv.gz", "income", "race", "classes", ["sex"], 32561,
        (50, 50, 100), (50, 0, 100), (0.8494, 0.8482, 0.8378, 0.8382, 0.8382),
    ),
    "avila": (
        "avila/multitask.csv.gz", "class", "Task", "classes", [], 10430,
        (50, 50, 20), (50, 0, 20), (0.5689, 0.5531, 0.5722, 0.4895, 0.4408),
    ),
    "bank_marketing": (
        "bank_marketing/bank_marketing.csv.gz", "y", "job", "classes", [], 0,
        (50, 50, 100), (50, 0, 100), (0.8924, 0.8912, 0.8893, 0.8859, 0.8859),
    ),
    "landmine": (
        "landmine/landmine.csv.gz", "label", "task", "classes", [], 0,
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
    "min_data_in_bin": 1,
    "gradient_bits": 32,
}
OURS = {
    "max_leaves": 15,
    "min_child_samples": 5,
    "valid_fraction": 0.1,
    "early_stopping_rounds": 30,
    "n_trees_robust": 300,
    "n_trees_task": 300,
}
SHARED_ROUNDS = {"robust": 20, "shared": 500}  # of ours; the other modes as shared
ROUNDS_OF_SEARCH = (20, 30, 50, 100)
SYNTHETIC_ROUNDS = {"robust": (0, 50, 0), "shared": (50, 0, 50)}


def paper_keys(mode, rounds, rate):
    """`rounds` = (shared, robust, task), or a number for the modes with one block."""
    keys = {**PAPER, "mode": mode, "learning_rate": rate}
    if mode == "robust":
        keys.update(theta_step="sum", theta_l2=0, n_trees_robust=rounds[1])
    if mode in ("robust", "shared", "clustered"):
        return {**keys, "n_trees_shared": rounds[0], "n_trees_task": rounds[2]}
    return {**keys, "n_trees_task" if mode == "single" else "n_trees_shared": rounds}


class Problem:
    """Training and test rows of one split in files that gbt reads."""

    def __init__(self, folder, label, task, kind):
        self.folder, self.label, self.task, self.kind = Path(folder), label, task, kind

    def write(self, train, test):
        self.train, self.test = train, test
        train.to_csv(self.folder / "train.csv", index=False)
        test.to_csv(self.folder / "test.csv", index=False)

    def objective(self, is_paper):
        """The published program gives every class a score, two classes as well."""
        if self.kind == "regression":
            return {"objective": "regression", "metric": "rmse"}
        if is_paper or self.train[self.label].nunique() > 2:
            return {"objective": "multiclass", "metric": "multi_logloss, multi_error"}
        return {"objective": "binary", "metric": "logloss, error"}

    def run(self, gbt, keys, is_paper, **more):
        """What gbt prints, with `error` = {mode: {"all": error, task: error}}, and the seconds of
        the whole process: reading, binning, training, measuring."""
        keys = {
            "train": self.folder / "train.csv",
            "data": self.folder / "test.csv",
            **keys,
            **more,
        }
        keys.update(label=self.label, task=self.task, model=self.folder / "model.gbt")
        keys.update(self.objective(is_paper), verbosity="quiet", threads=1)
        command = [str(gbt), "multitask", "--json", *[f"{k}={v}" for k, v in keys.items()]]
        begin = time.monotonic()
        said = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
        said["seconds"] = time.monotonic() - begin
        metric = self.objective(is_paper)["metric"].split(", ")[-1]
        said["error"] = {m: {"all": v[metric]} for m, v in said["metrics"].items()}
        for task in said["tasks"]:
            for mode, values in task.get("metrics", {}).items():
                said["error"][mode][task["task"]] = values[metric]
        return said

    def score(self, error):
        """Accuracy where the error is a share of wrong rows."""
        return error if self.kind == "regression" else 1 - error


def run_ours(gbt, problem, seed):
    """The errors of all modes, and what gbt says of robust."""
    robust = {**OURS, "mode": "robust", "n_trees_shared": SHARED_ROUNDS["robust"]}
    shared = {**OURS, "mode": "shared", "n_trees_shared": SHARED_ROUNDS["shared"]}
    said = problem.run(gbt, robust, False, seed=seed)
    others = problem.run(gbt, shared, False, seed=seed, compare=",".join(MODES[2:]))
    return {**said["error"], **others["error"]}, said


def search(gbt, problem, mode, rate, rounds):
    """The number of rounds with the least mean error in five folds stratified by task."""
    import numpy as np
    from sklearn.model_selection import StratifiedKFold

    train, errors = problem.train, {}
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    with tempfile.TemporaryDirectory() as work:
        inner = Problem(work, problem.label, problem.task, problem.kind)
        for kept, held in folds.split(train, train[problem.task]):
            inner.write(train.iloc[kept], train.iloc[held])
            for count in rounds:
                said = inner.run(gbt, paper_keys(mode, count, rate), True)
                errors.setdefault(count, []).append(said["error"][mode]["all"])
    return min(rounds, key=lambda count: np.mean(errors[count]))


def spread(values, digits=4):
    import numpy as np

    return f"{np.mean(values):.{digits}f} +- {np.std(values):.{digits}f}"


# ---- Synthetic data ------------------------------------------------------------------------------


def draw(gbt_synth, kind, seed, folder):
    import pandas as pd

    path = Path(folder) / "all.csv"
    with path.open("w") as out:
        subprocess.run(
            [
                str(gbt_synth), f"multitask_{kind}", "rows=13000", "groups=10", "outliers=2",
                f"seed={seed}",
            ],
            check=True, stdout=out,
        )  # fmt: skip
    table = pd.read_csv(path)
    is_train = table.groupby("task").cumcount() < 300
    problem = Problem(folder, "label", "task", kind)
    problem.write(table[is_train], table[~is_train])
    return problem


def by_kind_of_task(problem, error):
    """Scores on all, the ordinary and the two outlier tasks; all have the same number of rows."""
    import numpy as np

    power = 2 if problem.kind == "regression" else 1
    tasks = np.array([error[str(r)] for r in range(10)]) ** power
    parts = [tasks, tasks[:8], tasks[8:]]
    return [problem.score(np.mean(part) ** (1 / power)) for part in parts]


def weight_gap(said):
    """Least distance between the weight of an outlier and that of an ordinary task; below 0 when
    one half does not separate the two."""
    weight = {int(t["task"]): t["outlier_weight"] or 0.5 for t in said["tasks"]}
    return min(weight[8], weight[9]) - max(weight[r] for r in range(8))


def synthetic(gbt, gbt_synth, settings, repeats, report):
    import numpy as np

    report.header("labels", "settings", "mode", "all tasks", "ordinary tasks", "outlier tasks")
    notes = []
    for kind in ("regression", "classification"):
        for setting in settings:
            scores, gaps, chosen = {m: [] for m in MODES}, [], {}
            for seed in range(repeats):
                with tempfile.TemporaryDirectory() as work:
                    problem = draw(gbt_synth, kind, seed, work)
                    errors = {}
                    if setting == "ours":
                        errors, said = run_ours(gbt, problem, seed)
                        gaps.append(weight_gap(said))
                    for mode in MODES if setting == "paper" else []:
                        rounds = SYNTHETIC_ROUNDS.get("shared" if mode == "clustered" else mode)
                        if not rounds and mode not in chosen:
                            chosen[mode] = search(gbt, problem, mode, 1, ROUNDS_OF_SEARCH[:3])
                        keys = paper_keys(mode, rounds or chosen[mode], 1)
                        said = problem.run(gbt, keys, True, seed=seed)
                        errors.update(said["error"])
                        gaps += [weight_gap(said)] if mode == "robust" else []
                for mode in MODES:
                    scores[mode].append(by_kind_of_task(problem, errors[mode]))
            for mode in MODES:
                cells = [spread(column) for column in np.transpose(scores[mode])]
                report.row(kind, setting, mode, *cells)
            better = np.min if kind == "regression" else np.max
            wins = sum(
                s[0] == better([scores[m][i][0] for m in MODES])
                for i, s in enumerate(scores["robust"])
            )
            notes.append(
                f"{kind}, {setting}: robust is the best mode in {wins} of {repeats} repetitions; "
                f"the weights separate the outliers in {sum(g > 0 for g in gaps)}, smallest gap "
                f"{min(gaps):.3f}, mean {np.mean(gaps):.3f}."
            )
    for note in notes:
        report.line()
        report.line(note)
    report.line()


# ---- Real data -----------------------------------------------------------------------------------


def load(name):
    import pandas as pd

    paths, label, task, kind, leave_out = SETS[name][:5]
    table = pd.concat([pd.read_csv(DATA / p) for p in paths.split()], ignore_index=True)
    return table.drop(columns=leave_out), label, task, kind


def one_hot(table, label, task):
    import pandas as pd

    texts = [c for c in table.columns if table[c].dtype == object and c not in (label, task)]
    return pd.get_dummies(table, columns=texts, dtype=int)


def split(name, table, repeat):
    """Training and test rows; repetition 0 is the published one."""
    from sklearn.model_selection import train_test_split

    n_train = SETS[name][5]
    if repeat == 0 and n_train > 0:
        return table.iloc[:n_train], table.iloc[n_train:]
    return train_test_split(table, test_size=0.2, random_state=42 + repeat)


def real_repeat(gbt, name, table, repeat, setting, chosen):
    """Score of every mode on one split."""
    label, task, kind = SETS[name][1:4]
    robust, shared = SETS[name][6:8]
    found = {}
    with tempfile.TemporaryDirectory() as work:
        problem = Problem(work, label, task, kind)
        problem.write(*split(name, table, repeat))
        if setting == "ours":
            errors = run_ours(gbt, problem, repeat)[0]
            return {m: problem.score(errors[m]["all"]) for m in MODES}
        for mode in MODES:
            rounds = {"robust": robust, "shared": shared, "clustered": shared}.get(mode)
            if not rounds and mode not in chosen:
                chosen[mode] = search(gbt, problem, mode, 0.1, ROUNDS_OF_SEARCH)
            keys = paper_keys(mode, rounds or chosen[mode], 0.1)
            said = problem.run(gbt, keys, True, seed=repeat)
            found[mode] = problem.score(said["error"][mode]["all"])
    return found


def real(gbt, sets, settings, repeats, report):
    report.header("set", "settings", *MODES)
    for name in sets:
        table, label, task, _ = load(name)
        for setting in settings:
            rows = one_hot(table, label, task) if setting == "paper" else table
            chosen = {}
            found = [real_repeat(gbt, name, rows, i, setting, chosen) for i in range(repeats)]
            report.row(name, setting, *[spread([f[m] for f in found]) for m in MODES])
            if setting == "paper":
                first = [f"{found[0][m]:.4f}" for m in MODES]
                report.row(name, "paper, published split", *first)
                report.row(name, "published", *[f"{v:.4f}" for v in SETS[name][8]], "")
    report.line()


# ---- The published program -----------------------------------------------------------------------


def reference_run(folder, problem, rounds, rate, seed):
    """Error on the test rows and seconds of fit()."""
    import numpy as np

    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    from Models import RMTGBClassifier, RMTGBRegressor

    def arrays(table):
        task = table[problem.task].astype("category").cat.codes  # all tasks are in both parts
        x = table.drop(columns=[problem.label, problem.task]).assign(task_=task)
        return x.to_numpy(float), table[problem.label].to_numpy()

    kind = RMTGBRegressor if problem.kind == "regression" else RMTGBClassifier
    model = kind(
        learning_rate=rate, n_iter_1st=rounds[0], n_iter_2nd=rounds[1], n_iter_3rd=rounds[2],
        random_state=seed,
    )  # fmt: skip
    np.random.seed(seed)  # theta starts from the global generator
    x, y = arrays(problem.train)
    begin = time.monotonic()
    model.fit(x, y)
    seconds = time.monotonic() - begin
    x, y = arrays(problem.test)
    found = model.predict(x)
    wrong = (found - y) ** 2 if problem.kind == "regression" else found != y
    return float(np.mean(wrong)) ** (0.5 if problem.kind == "regression" else 1.0), seconds


def compare_with_reference(gbt, folder, problem, rounds, rate, repeats):
    """Scores and seconds (training, whole process) of gbt, then of the reference: means; repeated
    in turn, with other starts of theta. One thread each."""
    import numpy as np

    rows = []
    for seed in range(repeats):
        said = problem.run(gbt, paper_keys("robust", rounds, rate), True, seed=seed)
        error, seconds = reference_run(folder, problem, rounds, rate, seed)
        ours = problem.score(said["error"]["robust"]["all"])
        rows.append([ours, said["seconds_train"], said["seconds"], problem.score(error), seconds])
    return np.mean(rows, axis=0)


def reference(gbt, gbt_synth, folder, sets, repeats, report):
    report.header(
        "data", "score of gbt", "of the reference", "gbt trains, s", "whole process, s",
        "reference fits, s", "ratio, training", "ratio, process",
    )  # fmt: skip

    def row(name, found):
        score, trains, process, other, fits = found
        report.row(
            name, f"{score:.4f}", f"{other:.4f}", f"{trains:.3f}", f"{process:.3f}", f"{fits:.2f}",
            f"{fits / trains:.0f}", f"{fits / process:.0f}",
        )  # fmt: skip

    for kind in ("regression", "classification"):
        found = []
        for seed in range(repeats):
            with tempfile.TemporaryDirectory() as work:
                problem = draw(gbt_synth, kind, seed, work)
                rounds = SYNTHETIC_ROUNDS["robust"]
                found.append(compare_with_reference(gbt, folder, problem, rounds, 1.0, 1))
        row(f"synthetic {kind}", sum(found) / repeats)
    for name in sets:
        table, label, task, kind = load(name)
        with tempfile.TemporaryDirectory() as work:
            problem = Problem(work, label, task, kind)
            problem.write(*split(name, one_hot(table, label, task), 0))
            row(name, compare_with_reference(gbt, folder, problem, SETS[name][6], 0.1, 3))
    report.line()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--gbt", default=str(GBT))
    parser.add_argument("--gbt-synth", default=str(GBT.with_name("gbt-synth")))
    parser.add_argument("--parts", default="synthetic,real")
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--settings", default="paper,ours")
    parser.add_argument("--synthetic", type=int, default=30, help="synthetic data sets")
    parser.add_argument("--repeats", type=int, default=10, help="splits of a real data set")
    parser.add_argument("--reference", help="folder of the published program")
    parser.add_argument("--save", default=str(OUT / "multitask.md"))
    a = parser.parse_args()
    enter_environment(OUT / "venv_multitask", PACKAGES)
    parts, settings, sets = a.parts.split(","), a.settings.split(","), a.sets.split(",")
    if data_is_absent("only the synthetic experiments run"):
        parts, sets = [p for p in parts if p != "real"], []
    report = Report()
    if "synthetic" in parts:
        synthetic(a.gbt, a.gbt_synth, settings, a.synthetic, report)
    if "real" in parts:
        real(a.gbt, sets, settings, a.repeats, report)
    if "reference" in parts:
        reference(a.gbt, a.gbt_synth, a.reference, sets, a.synthetic, report)
    report.save(a.save)


if __name__ == "__main__":
    main()
