"""gbt heads: exported weights against the predictions, metrics against eval, inputs from the leaves
of a tree model, and everything that is refused."""

import csv
import io
import json
import math
import random
import signal
import statistics
import struct
import subprocess
import zipfile
from pathlib import Path

import pytest
import small_files
from refusal import DATA, refuse, table, write

KEYS = ("units=6", "units_per_step=2", "solver_iterations=20")


def smooth(n=150, seed=3):
    """Numbers a and b without gaps, y a smooth function of them."""
    draw = random.Random(seed)
    result = []
    for _ in range(n):
        a, b = draw.uniform(-2, 3), draw.uniform(10, 14)
        result.append((f"{a:.4f}", f"{b:.4f}", f"{math.sin(a) + 0.3 * b:.4f}"))
    return small_files.csv_text(result, "a,b,y")


@pytest.fixture
def work(tmp_path):
    write(tmp_path / "train.csv", smooth())
    write(tmp_path / "test.csv", smooth(40, 4))
    write(tmp_path / "mixed.csv", small_files.regression())
    write(tmp_path / "binary.csv", small_files.binary())
    write(tmp_path / "multiclass.csv", small_files.multiclass())
    return tmp_path


@pytest.fixture
def run(gbt, work):
    """run("units=3") -> Result of the verb with the usual keys."""

    def run(keys="", train="train.csv", quiet="verbosity=quiet"):
        words = f"heads train={train} model=m.gbt {quiet} {keys}".split()
        given = {word.partition("=")[0] for word in words}
        usual = [key for key in KEYS if key.partition("=")[0] not in given]
        return gbt(*words, *usual, cwd=work)

    return run


def parse(text):
    return list(csv.DictReader(io.StringIO(text)))


def numbers(path, name):
    return [float(row[name]) for row in parse(path.read_text())]


def read_npz(path):
    """Name -> (shape, values) of an archive that is read as NumPy reads it."""
    result = {}
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        for entry in archive.infolist():
            assert entry.compress_type == zipfile.ZIP_STORED
            data = archive.read(entry)
            assert data[:8] == b"\x93NUMPY\x01\x00"
            (size,) = struct.unpack("<H", data[8:10])
            assert (10 + size) % 64 == 0
            header = eval(data[10 : 10 + size], {"__builtins__": {}})  # a literal
            assert header["descr"] == "<f4" and header["fortran_order"] is False
            n = math.prod(header["shape"])
            values = struct.unpack(f"<{n}f", data[10 + size :])
            result[entry.filename.removesuffix(".npy")] = (header["shape"], values)
    return result


def raw_scores(gbt, work, data="test.csv"):
    words = ("predict", "model=m.gbt", f"data={data}", "output=raw", "verbosity=quiet")
    return [[float(cell) for cell in row.values()] for row in parse(gbt(*words, cwd=work).out)]


# ---- Weights -------------------------------------------------------------------------------------

ACTIVATIONS = {
    "logistic": lambda x: 1 / (1 + math.exp(-x)),
    "tanh": math.tanh,
    "relu": lambda x: max(x, 0.0),
    "identity": lambda x: x,
}


def network(arrays, inputs, activate):
    """raw = out_bias + out_weight s(hidden_bias + hidden_weight z)."""
    (units, n_inputs), weight = arrays["hidden_weight"]
    (outputs, _), out_weight = arrays["out_weight"]
    _, bias = arrays["hidden_bias"]
    _, out_bias = arrays["out_bias"]
    hidden = [
        activate(bias[u] + sum(weight[u * n_inputs + i] * z for i, z in enumerate(inputs)))
        for u in range(units)
    ]
    return [
        out_bias[k] + sum(out_weight[k * units + u] * h for u, h in enumerate(hidden))
        for k in range(outputs)
    ]


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_exported_network_predicts_what_the_model_predicts(gbt, run, work, activation):
    run(f"export_weights=w.npz activation={activation}")
    arrays = read_npz(work / "w.npz")
    shapes = {name: shape for name, (shape, _) in arrays.items()}
    assert shapes == {
        "hidden_weight": (6, 2),
        "hidden_bias": (6,),
        "out_weight": (1, 6),
        "out_bias": (1,),
    }
    train = {name: numbers(work / "train.csv", name) for name in "ab"}
    mean = {name: statistics.fmean(values) for name, values in train.items()}
    scale = {name: statistics.pstdev(values) for name, values in train.items()}
    test = {name: numbers(work / "test.csv", name) for name in "ab"}
    for row, (found,) in enumerate(raw_scores(gbt, work)):
        inputs = [(test[name][row] - mean[name]) / scale[name] for name in "ab"]
        (expected,) = network(arrays, inputs, ACTIVATIONS[activation])
        assert found == pytest.approx(expected, rel=1e-4, abs=1e-4)


def test_csv_holds_the_same_weights(run, work):
    run("export_weights=w.npz")
    run("export_weights=w.csv")
    lines = parse((work / "w.csv").read_text())
    assert list(lines[0]) == ["array", "row", "column", "value"]
    arrays = read_npz(work / "w.npz")
    for name, (shape, values) in arrays.items():
        mine = [line for line in lines if line["array"] == name]
        width = shape[1] if len(shape) > 1 else 1
        places = [(int(line["row"]), int(line["column"])) for line in mine]
        assert places == [(i // width, i % width) for i in range(len(values))]
        packed = struct.pack(f"<{len(values)}f", *(float(line["value"]) for line in mine))
        assert struct.unpack(f"<{len(values)}f", packed) == values
    assert len(lines) == sum(len(values) for _, values in arrays.values())


def test_classes_have_an_output_each(run, work):
    run("export_weights=w.npz", train="multiclass.csv")
    shapes = {name: shape for name, (shape, _) in read_npz(work / "w.npz").items()}
    assert shapes["out_weight"] == (3, 6) and shapes["out_bias"] == (3,)
    assert shapes["hidden_weight"][0] == 6


# ---- Metrics -------------------------------------------------------------------------------------


def test_metrics_are_those_of_the_predictions(gbt, run, work):
    result = run("data=test.csv metric=rmse,mae")
    lines = parse(result.out)
    assert [line["metric"] for line in lines] == ["rmse", "mae"]
    truth = numbers(work / "test.csv", "y")
    errors = [p - y for (p,), y in zip(raw_scores(gbt, work), truth, strict=True)]
    rmse = math.sqrt(statistics.fmean(error * error for error in errors))
    assert float(lines[0]["value"]) == pytest.approx(rmse, rel=1e-5)
    assert float(lines[0]["low"]) < rmse < float(lines[0]["high"])
    assert float(lines[1]["value"]) == pytest.approx(
        statistics.fmean(abs(error) for error in errors), rel=1e-5
    )
    assert gbt("eval", "model=m.gbt", "data=test.csv", cwd=work).out == result.out


def test_more_units_fit_better(run):
    values = [
        float(parse(run(f"data=train.csv units={units} learning_rate=0.5").out)[0]["value"])
        for units in (2, 8, 24)
    ]
    assert values[0] > values[1] > values[2]


def test_json_is_one_object_on_stdout(run):
    said = json.loads(run("data=test.csv --json", quiet="").out)
    assert (said["model"], said["objective"]) == ("m.gbt", "regression")
    assert (said["steps"], said["units"], said["inputs"], said["outputs"]) == (3, 6, 2, 1)
    assert (said["best_step"], said["interrupted"], said["rows"]) == (0, False, 40)
    value = float(parse(run("data=test.csv").out)[0]["value"])
    assert said["metrics"]["rmse"]["value"] == pytest.approx(value, rel=1e-6)
    assert "metrics" not in json.loads(run("--json").out)


def test_without_data_nothing_is_printed(run, work):
    before = {path.name for path in work.iterdir()}
    result = run(quiet="")
    assert result.out == ""
    assert "m.gbt: 6 units in 3 steps, 2 inputs, regression, trained in" in result.err
    assert {path.name for path in work.iterdir()} - before == {"m.gbt"}
    assert run().err == ""


def test_validation_rows_are_watched_and_logged(run, work):
    run("valid=v:test.csv log_json=log.json units=20 learning_rate=0.5 early_stopping_rounds=3")
    lines = [json.loads(line) for line in (work / "log.json").read_text().splitlines()]
    assert [line["round"] for line in lines] == list(range(1, len(lines) + 1))
    assert all("rmse" in next(iter(line["metrics"].values())) for line in lines)


# ---- Inputs --------------------------------------------------------------------------------------


def test_texts_and_gaps_become_inputs(run, work):
    run("export_weights=w.npz", train="mixed.csv")
    (_, inputs), _ = read_npz(work / "w.npz")["hidden_weight"]
    assert inputs == 2 + 1 + 3  # a and b, whether b is missing, three colours


@pytest.mark.parametrize("inputs", ["leaves", "both"])
def test_leaves_of_a_tree_model_become_inputs(gbt, run, work, inputs):
    tree_keys = ("n_trees=2", "max_leaves=4", "verbosity=quiet")
    gbt("train", "train=mixed.csv", "model=trees.gbt", *tree_keys, cwd=work)
    leaves = json.loads(gbt("info", "model=trees.gbt", "--json", cwd=work).out)["leaves"]
    run(f"inputs={inputs} leaf_model=trees.gbt export_weights=w.npz", train="mixed.csv")
    (_, found), _ = read_npz(work / "w.npz")["hidden_weight"]
    assert found == leaves + (6 if inputs == "both" else 0)
    (work / "trees.gbt").unlink()  # the model holds what it needs
    assert len(raw_scores(gbt, work, "mixed.csv")) == 120


def test_categories_have_the_numbers_of_the_leaf_model(gbt, run, work):
    """The training rows lack a category that the leaf model knows, so their own numbers differ."""
    gbt("train", "train=mixed.csv", "model=trees.gbt", "n_trees=3", "min_child_samples=5", cwd=work)
    rows = [row for row in small_files.rows() if row[2] != "blue"]
    write(work / "some.csv", small_files.csv_text(rows))
    run("inputs=leaves leaf_model=trees.gbt units=30 learning_rate=0.5", train="some.csv")
    leaf_words = ("predict", "model=trees.gbt", "data=some.csv", "output=leaf")
    leaf = [tuple(row.values()) for row in parse(gbt(*leaf_words, cwd=work).out)]
    scores = [score for (score,) in raw_scores(gbt, work, "some.csv")]
    by_leaf = {}
    for at, score in zip(leaf, scores, strict=True):
        by_leaf.setdefault(at, set()).add(score)
    assert all(len(found) == 1 for found in by_leaf.values())  # equal leaves, equal inputs
    assert len({score for found in by_leaf.values() for score in found}) > 3


# ---- The text ------------------------------------------------------------------------------------


def test_the_c_example_of_the_text_is_the_one_that_is_tested():
    root = Path(__file__).resolve().parents[2]
    test = (root / "tests" / "unit" / "test_heads_example.c").read_text()
    example = test.partition("Example: begin ---- */")[2].partition("/* ---- Example: end")[0]
    text = (root / "gbt" / "modules" / "HEADS.md").read_text()
    assert len(example) > 1000
    assert example.strip() in text


# ---- Configuration and signals -------------------------------------------------------------------


def test_a_config_may_hold_the_keys_of_other_verbs(gbt, work):
    config = """
        [data]
        train = train.csv
        [train]
        n_trees = 50
        [tree]
        max_leaves = 7
        [output]
        model = m.gbt
        predictions = p.csv
        [heads]
        units = 4
        early_margin = 1
    """
    write(work / "c.ini", "\n".join(line.strip() for line in config.splitlines()))
    said = json.loads(gbt("heads", "c.ini", "solver_iterations=5", "--json", cwd=work).out)
    assert (said["steps"], said["units"]) == (4, 4)


def test_a_signal_saves_the_model_so_far(gbt, gbt_path, work):
    command = "heads train=train.csv model=m.gbt units=100000 learning_rate=0.001 --json"
    process = subprocess.Popen(
        [gbt_path, *command.split(), "data=test.csv", "export_weights=w.npz"],
        cwd=work,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for line in process.stderr:
        if line.startswith("round "):
            break
    process.send_signal(signal.SIGTERM)
    out, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    said = json.loads(out)
    assert said["interrupted"] is True and "metrics" not in said
    assert 1 <= said["units"] < 100000
    (units, _), _ = read_npz(work / "w.npz")["hidden_weight"]
    assert units == said["units"]
    gbt("verify", "model=m.gbt", cwd=work)


# ---- Refusals ------------------------------------------------------------------------------------

REFUSED = table(r"""
    2 |                                    | gbt heads needs train=FILE
    2 | train=train.csv                    | gbt heads needs model=FILE
    2 | train=none.csv model=m.gbt         | train = none.csv: No such file
    2 | + data=none.csv                    | data = none.csv: No such file
    2 | + model=train.csv                  | model and train name the same file
    2 | + export_weights=m.npz model=m.npz | model and export_weights name the same file
    2 | + export_weights=w.txt             | the name must end in .npz or .csv
    2 | + export_weights=.npz              | the name must end in .npz or .csv
    2 | + export_weights=no/w.npz          | the folder no does not exist
    2 | + inputs=leaves                    | inputs = leaves needs leaf_model=FILE
    2 | + inputs=both                      | inputs = both needs leaf_model=FILE
    2 | + leaf_model=trees.gbt             | leaf_model has no effect with inputs = columns
    2 | + inputs=leaves leaf_model=no.gbt  | leaf_model = no.gbt: No such file
    2 | + valid=train.csv,test.csv         | valid lists 2 files; gbt heads takes one
    2 | + n_trees=5                        | n_trees has no effect in "gbt heads"
    2 | + max_leaves=5                     | max_leaves has no effect in "gbt heads"
    2 | + predictions=p.csv                | predictions has no effect in "gbt heads"
    2 | + mode=pooled                      | mode has no effect in "gbt heads"
    2 | + early_margin=1                   | early_margin has no effect in "gbt heads"
    2 | + units=0                          | units
    2 | + activation=sine                  | activation = sine: unknown value
    2 | + units=5 units_per_step=9         | units
    3 | train=bare.csv model=m.gbt         | bare.csv: no label
    3 | + data=bare.csv                    | bare.csv: no label; metrics need one
    3 | + valid=bare.csv                   | bare.csv: no label; validation needs one
    3 | + data=other.csv                   | no column "a"
    3 | + inputs=leaves leaf_model=train.csv | not a gbt model file
    3 | train=other.csv model=m.gbt inputs=leaves leaf_model=trees.gbt | no column "a"
    """)


@pytest.mark.parametrize(("code", "keys", "says"), REFUSED, ids=[case[1] for case in REFUSED])
def test_it_is_refused(gbt, work, code, keys, says):
    gbt("train", "train=train.csv", "model=trees.gbt", "n_trees=2", cwd=work)
    lines = smooth().splitlines()
    write(work / "bare.csv", "\n".join(line.rpartition(",")[0] for line in lines) + "\n")
    write(work / "other.csv", "\n".join(["u,b,y", *lines[1:]]) + "\n")
    write(work / "m.gbt", "an older model")
    if keys.startswith("+"):
        keys = "train=train.csv" + keys[1:]
        keys += "" if " model=" in keys else " model=m.gbt"
    refuse(gbt, work, ["heads", *keys.split()], int(code), [says])


def test_what_needs_trees_refuses_the_file(gbt, run, work):
    run()
    for words in (
        "influence model=m.gbt train=train.csv data=test.csv",
        "heads train=train.csv model=n.gbt inputs=leaves leaf_model=m.gbt",
    ):
        refuse(gbt, work, words.split(), DATA, ["heads"])
