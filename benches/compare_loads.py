"""The loads of compare.py: files that every library reads, and the limits that all keep.

Generated rows come from gbt-synth, real ones from ../shared/data with the first fold of quality.py
held out: features named f0, f1, ..., label as numbers, texts kept."""

import subprocess
from dataclasses import dataclass

from common import DATA
from quality import SETS, fold_rows, load_csv, smallest_leaf


@dataclass
class Load:
    group: str  # letter of the table
    name: str
    source: str  # words of gbt-synth, or a set of quality.py
    test_rows: int = 0  # of generated rows
    trees: int = 100
    leaves: int = 255
    task: str = "binary"
    columns: int = 0  # of sparse files

    @property
    def is_generated(self):
        return " " in self.source


def real(group, names, trees, leaves):
    return [Load(group, f"{n} {leaves}", n, trees=trees, leaves=leaves) for n in names]


MIDDLE = ["magic04", "letter", "california_housing", "diamonds", "protein", "covtype_2v4"]

LOADS = [
    Load("a", "higgs 1M", "higgs rows=1000000", test_rows=200000),
    Load("a", "higgs 4M", "higgs rows=4000000", test_rows=200000),
    *real("b", MIDDLE, 200, 31),
    *real("b", MIDDLE, 200, 255),
    Load("c", "wide 100k x 500", "wide rows=100000 features=500", test_rows=20000,
         task="regression"),
    Load("d", "higgs 1k 31", "higgs rows=1000", test_rows=20000, trees=200, leaves=31),
    Load("d", "higgs 10k 31", "higgs rows=10000", test_rows=20000, trees=200, leaves=31),
    Load("d", "higgs 10k 255", "higgs rows=10000", test_rows=20000, trees=200),
    *real("e", ["a9a", "reuters"], 200, 31),
    Load("e", "sparse 200k x 50k", "sparse rows=200000 features=50000", test_rows=20000, leaves=31,
         columns=50000),
    *real("f", ["flights2013", "adult", "amazon_access"], 200, 31),
]  # fmt: skip


def generate(load, synth, folder):
    suffix = "svm" if load.columns else "csv"
    rows = int(load.source.split("rows=")[1].split()[0])
    paths = [folder / f"{part}.{suffix}" for part in ("train", "test")]
    if not paths[0].exists():
        words = load.source.replace(f"rows={rows}", f"rows={rows + load.test_rows}").split()
        made = subprocess.Popen([str(synth), *words, "seed=1"], stdout=subprocess.PIPE)
        with open(paths[0], "wb") as train, open(paths[1], "wb") as test:
            head = b"" if load.columns else made.stdout.readline()
            for file in (train, test):
                file.write(head)
            for number, line in enumerate(made.stdout):
                (train if number < rows else test).write(line)
        if made.wait() != 0:
            raise SystemExit(f"gbt-synth {words} failed")
    return {"categorical": [], "classes": 2, "task": load.task, "columns": load.columns}


def from_table(load, folder):
    table, label, task, categorical = load_csv(load.source)
    y = table[label]
    classes = 0
    if task in ("binary", "multiclass"):
        names = sorted(y.unique())
        classes = len(names)
        y = y.map({c: k for k, c in enumerate(names)})
    x = table.drop(columns=[label])
    renamed = {c: f"f{i}" for i, c in enumerate(x.columns)}
    x = x.rename(columns=renamed)
    train, test = next(fold_rows(len(x), 1))
    for rows, part in ((train, "train"), (test, "test")):
        chosen = x.iloc[rows].assign(label=y.to_numpy()[rows])
        chosen.to_csv(folder / f"{part}.csv", index=False)
    return {"categorical": [renamed[c] for c in categorical], "classes": classes, "task": task,
            "columns": 0}  # fmt: skip


def from_libsvm(load, folder):
    import numpy as np
    import scipy.sparse
    from sklearn.datasets import dump_svmlight_file, load_svmlight_files

    loaded = load_svmlight_files([str(DATA / load.source / f) for f in SETS[load.source][0]])
    x = scipy.sparse.vstack(loaded[0::2]).tocsr()
    y = (np.concatenate(loaded[1::2]) > 0).astype(int)
    train, test = next(fold_rows(x.shape[0], 1))
    for rows, part in ((train, "train"), (test, "test")):
        dump_svmlight_file(x[rows], y[rows], str(folder / f"{part}.svm"), zero_based=False)
    return {"categorical": [], "classes": 2, "task": "binary", "columns": x.shape[1]}


def prepare(load, synth, folder):
    """Writes the files of a load once; everything that a run needs to know."""
    folder.mkdir(parents=True, exist_ok=True)
    if load.is_generated:
        spec = generate(load, synth, folder)
    elif SETS[load.source][2] == "libsvm":
        spec = from_libsvm(load, folder)
    else:
        spec = from_table(load, folder)
    suffix = "svm" if spec["columns"] else "csv"
    min_rows, min_hessian = smallest_leaf(spec["task"])
    spec.update(
        train=str(folder / f"train.{suffix}"),
        test=str(folder / f"test.{suffix}"),
        trees=load.trees,
        leaves=load.leaves,
        bins=255,
        rate=0.1,
        min_rows=min_rows,
        min_hessian=min_hessian,
        row_wise=load.group in "ac",
    )
    spec["lambda"] = 1.0
    return spec
