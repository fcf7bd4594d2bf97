"""A list of label columns makes a model of several outputs: from the configuration over training,
validation and continued training to predictions, metrics and dumps; and what refuses a list."""

import csv
import io
import json
import math

import pytest
import small_files
from refusal import DATA, USAGE, refuse, write

KEYS = ("n_trees=8", "min_child_samples=5", "verbosity=quiet", "gradient_rounding=nearest")


def two_labels(n=120, seed=1):
    """The columns of small_files, z = a + b a second label."""
    rows = [
        (a, b, c, y, f"{float(a) + float(b or 0):.4f}") for a, b, c, y in small_files.rows(n, seed)
    ]
    return small_files.csv_text(rows, "a,b,c,y,z")


@pytest.fixture
def work(tmp_path):
    write(tmp_path / "train.csv", two_labels())
    write(tmp_path / "test.csv", two_labels(40, 7))
    return tmp_path


def columns(text):
    table = list(csv.reader(io.StringIO(text)))
    return table[0], [[float(cell) for cell in column] for column in zip(*table[1:], strict=True)]


def truth(path, name):
    with open(path, encoding="utf-8") as file:
        return [float(row[name]) for row in csv.DictReader(file)]


def predictions(gbt, folder, model, *more):
    gbt("predict", f"model={model}", "data=test.csv", "predictions=p.csv", *more, cwd=folder)
    return columns((folder / "p.csv").read_text(encoding="utf-8"))


def metrics(gbt, folder, model, *more):
    out = gbt("eval", f"model={model}", "data=test.csv", *more, cwd=folder).out
    return {row["metric"]: float(row["value"]) for row in csv.DictReader(io.StringIO(out))}


def test_every_output_is_the_model_of_its_label_alone(gbt, work):
    gbt("train", "train=train.csv", "label=z,y", "model=both.gbt", *KEYS, cwd=work)
    gbt("train", "train=train.csv", "label=y", "ignore=z", "model=y.gbt", *KEYS, cwd=work)
    gbt("train", "train=train.csv", "label=z", "ignore=y", "model=z.gbt", *KEYS, cwd=work)
    names, both = predictions(gbt, work, "both.gbt")
    assert names == ["prediction_z", "prediction_y"]
    assert predictions(gbt, work, "both.gbt", "output=raw")[0] == ["raw_z", "raw_y"]
    _, (z,) = predictions(gbt, work, "z.gbt")
    _, (y,) = predictions(gbt, work, "y.gbt")
    assert both == [z, y]


def test_names_and_indices_mean_the_same_columns(gbt, work):
    gbt("train", "train=train.csv", "label=y, z", "model=names.gbt", *KEYS, cwd=work)
    gbt("train", "train=train.csv", "label=3,4", "model=indices.gbt", *KEYS, cwd=work)
    assert (work / "names.gbt").read_bytes() == (work / "indices.gbt").read_bytes()


def test_metrics_are_over_rows_and_outputs(gbt, work):
    gbt("train", "train=train.csv", "label=y,z", "model=m.gbt", *KEYS, cwd=work)
    _, both = predictions(gbt, work, "m.gbt")
    errors = [
        p - t
        for column, name in zip(both, "yz", strict=True)
        for p, t in zip(column, truth(work / "test.csv", name), strict=True)
    ]
    found = metrics(gbt, work, "m.gbt", "metric=rmse,mae")
    assert found["rmse"] == pytest.approx(math.sqrt(sum(e * e for e in errors) / 80), rel=1e-5)
    assert found["mae"] == pytest.approx(sum(map(abs, errors)) / 80, rel=1e-5)


def test_labels_of_the_test_file_may_be_missing(gbt, work):
    gbt("train", "train=train.csv", "label=y,z", "model=m.gbt", *KEYS, cwd=work)
    _, want = predictions(gbt, work, "m.gbt")
    lines = (work / "test.csv").read_text(encoding="utf-8").splitlines()
    write(work / "test.csv", "\n".join(line.rsplit(",", 1)[0] for line in lines) + "\n")
    assert predictions(gbt, work, "m.gbt")[1] == want  # z is gone
    refuse(gbt, work, ["eval", "model=m.gbt", "data=test.csv"], DATA, ["1 label a row", "has 2"])


def test_validation_and_early_stopping_see_all_outputs(gbt, work):
    keys = ("label=y,z", "valid=test.csv", "n_trees=60", "early_stopping_rounds=5")
    result = gbt("train", "train=train.csv", *keys, "model=m.gbt", "min_child_samples=5", cwd=work)
    rounds = [line.split() for line in result.err.splitlines() if line.startswith("round ")]
    values = [float(words[words.index("rmse") + 1]) for words in rounds if "rmse" in words]
    assert len(values) > 5
    assert metrics(gbt, work, "m.gbt")["rmse"] == pytest.approx(min(values), rel=1e-4)


def test_continuing_equals_training_that_long(gbt, work):
    common = ("train", "train=train.csv", "label=y,z", "min_child_samples=5", "verbosity=quiet")
    gbt(*common, "n_trees=9", "model=whole.gbt", cwd=work)
    gbt(*common, "n_trees=4", "model=start.gbt", cwd=work)
    gbt(*common, "n_trees=9", "continue_from=start.gbt", "model=end.gbt", cwd=work)
    assert predictions(gbt, work, "end.gbt") == predictions(gbt, work, "whole.gbt")


def test_other_verbs_know_the_outputs(gbt, work):
    gbt("train", "train=train.csv", "label=y,z", "model=m.gbt", *KEYS, cwd=work)
    dump = json.loads(gbt("dump", "model=m.gbt", "format=json", cwd=work).out)
    assert dump["outputs"] == 2 and dump["labels"] == ["y", "z"]
    assert len(dump["base_score"]) == 2
    assert "good" in gbt("verify", "model=m.gbt", cwd=work).out
    assert "y,z" in gbt("info", "model=m.gbt", cwd=work).out
    check = gbt("check", "train=train.csv", "label=y,z", cwd=work).out
    assert "label = y,z" in check and "objective = regression" in check
    gain = gbt("importance", "model=m.gbt", cwd=work).out
    assert len(gain.splitlines()) == 4


REFUSALS = [
    ("label=y,z objective=binary", USAGE, "objective=binary takes one label, found 2 a row"),
    ("label=y,z objective=multiclass", USAGE, "objective=multiclass takes one label"),
    ("label=y,z metric=auc", USAGE, "metric auc needs one output, there are 2 labels"),
    ("label=y,c", DATA, 'the label "c" is text; several labels must all be numbers'),
    ("label=y,y", USAGE, 'label: column "y" is the label already'),
    ("label=y,x", USAGE, 'label: no column "x" in train.csv'),
    ("label=y,z weight=z", USAGE, 'weight: column "z" is the label already'),
    ("label=y,z objective=gamma", DATA, "objective gamma needs labels above 0"),
    ("label=y,b", DATA, 'has no label "b"'),
]


@pytest.mark.parametrize(("keys", "code", "says"), REFUSALS, ids=[keys for keys, _, _ in REFUSALS])
def test_refused(gbt, work, keys, code, says):
    refuse(gbt, work, ["train", "train=train.csv", "model=m.gbt", *keys.split()], code, [says])


def test_one_of_several_names_may_not_have_a_comma(gbt, work):
    text = (work / "train.csv").read_text(encoding="utf-8").replace("y,z", '"y,1",z', 1)
    write(work / "train.csv", text)
    arguments = ["train", "train=train.csv", "model=m.gbt", "label=3,4"]
    refuse(gbt, work, arguments, USAGE, ['the name "y,1" has a comma'])
    gbt("train", "train=train.csv", "label=3", "ignore=z", "model=m.gbt", *KEYS, cwd=work)


def test_libsvm_files_have_one_label(gbt, work):
    write(work / "t.svm", "1,2 1:0.5\n0 2:1\n" * 40)
    arguments = ["train", "train=t.svm", "model=m.gbt"]
    refuse(gbt, work, arguments, DATA, ["rows have up to 2 labels, one is possible"])
