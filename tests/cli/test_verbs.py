"""What every verb does when all is well: files, standard output, exit codes, and the rules of the
configuration file."""

import csv
import gzip
import io
import json
import math
import os
import re
import signal
import subprocess
import time

import pytest
import small_files

QUIET = "verbosity=quiet"


@pytest.fixture
def work(tmp_path):
    """A folder with a file for each kind of label."""
    for name in ("regression", "binary", "multiclass", "counts"):
        (tmp_path / f"{name}.csv").write_text(getattr(small_files, name)())
    (tmp_path / "sparse.svm").write_text(small_files.libsvm())
    return tmp_path


@pytest.fixture
def run(gbt, work):
    """run("info model=m.gbt") -> Result, in the working folder."""

    def run(command, code=0, **more):
        return gbt(*command.split(), code=code, cwd=work, **more)

    return run


def train(run, data="regression.csv", keys="", model="m.gbt"):
    return run(f"train train={data} model={model} n_trees=12 min_child_samples=5 {QUIET} {keys}")


def parse(text):
    return list(csv.DictReader(io.StringIO(text)))


def column(text, name):
    return [row[name] for row in parse(text)]


def numbers(text, name="prediction"):
    return [float(value) for value in column(text, name)]


def labels(work, name):
    with open(work / name, newline="") as file:
        return [row["y"] for row in csv.DictReader(file)]


# ---- train ---------------------------------------------------------------------------------------


def test_train_writes_the_model_and_nothing_else(run, work):
    before = set(os.listdir(work))
    result = run("train train=regression.csv model=m.gbt n_trees=3")
    assert set(os.listdir(work)) - before == {"m.gbt"}
    assert result.out == ""
    assert "regression.csv: 120 rows, 3 features" in result.err
    assert "objective = regression (" in result.err
    assert re.search(r"^round 3/3  train rmse [\d.]+", result.err, flags=re.M)
    assert "m.gbt: 3 trees in 3 rounds" in result.err


def test_quiet_says_nothing_and_debug_says_more(run):
    common = "train train=regression.csv model=m.gbt n_trees=3 verbosity="
    quiet, info, debug = (run(common + level).err for level in ("quiet", "info", "debug"))
    assert quiet == ""
    assert len(debug) > len(info) > 0
    for words in ("memory: about", "build histograms", "update scores"):
        assert words in debug and words not in info


def test_json_of_train_is_one_object_on_stdout(run):
    result = run("train train=regression.csv model=m.gbt n_trees=7 --json")
    said = json.loads(result.out)
    assert (said["model"], said["objective"]) == ("m.gbt", "regression")
    assert (said["rounds"], said["trees"], said["interrupted"]) == (7, 7, False)
    assert said["seconds_read"] >= 0 and said["seconds_train"] >= 0


@pytest.mark.parametrize(
    ("data", "objective", "trees"),
    [("regression", "regression", 12), ("binary", "binary", 12), ("multiclass", "multiclass", 36)],
)
def test_the_objective_comes_from_the_label(run, data, objective, trees):
    train(run, f"{data}.csv")
    said = json.loads(run("info model=m.gbt --json").out)
    assert (said["objective"], said["trees"], said["rounds"]) == (objective, trees, 12)


@pytest.mark.parametrize("metric_every", [1, 5])
def test_progress_comes_once_per_metric_every_on_a_pipe(run, metric_every):
    keys = f"n_trees=12 metric_every={metric_every}"
    lines = run(f"train train=regression.csv model=m.gbt {keys}").err.splitlines()
    rounds = [int(re.match(r"round (\d+)/12", line)[1]) for line in lines if line[:6] == "round "]
    assert rounds == [r for r in range(1, 13) if r % metric_every == 0 or r == 12]


def test_validation_files_have_names(run):
    keys = "valid=here:regression.csv,binary.csv"
    result = run(f"train train=regression.csv model=m.gbt {keys}", code=3)
    assert "binary.csv" in result.err  # its label is text
    keys = "valid=here:regression.csv,counts.csv n_trees=3"
    result = run(f"train train=regression.csv model=m.gbt {keys}")
    assert re.search(r"^round 3/3  here rmse \S+  counts rmse \S+", result.err, flags=re.M)


def test_the_log_has_a_json_line_per_report(run, work):
    train(run, keys="valid=v:counts.csv metric=rmse,mae metric_every=4 log_json=log.json")
    lines = [json.loads(line) for line in (work / "log.json").read_text().splitlines()]
    assert [line["round"] for line in lines] == [4, 8, 12]
    for line in lines:
        assert set(line["metrics"]) == {"v"}
        assert set(line["metrics"]["v"]) == {"rmse", "mae"}
        assert line["seconds"] >= 0
        assert line["metrics"]["v"]["mae"] <= line["metrics"]["v"]["rmse"]


def test_the_log_measures_the_training_rows_without_validation(run, work):
    train(run, keys="log_json=log.json")
    lines = [json.loads(line) for line in (work / "log.json").read_text().splitlines()]
    values = [line["metrics"]["train"]["rmse"] for line in lines]
    assert len(values) == 12
    assert all(later < earlier for earlier, later in zip(values, values[1:]))
    predicted = numbers(run("predict model=m.gbt data=regression.csv").out)
    truth = [float(y) for y in labels(work, "regression.csv")]
    rmse = math.sqrt(sum((p - y) ** 2 for p, y in zip(predicted, truth)) / len(truth))
    assert values[-1] == pytest.approx(rmse, rel=1e-5)


def test_early_stopping_keeps_the_best_round(run, work):
    (work / "v.csv").write_text(small_files.csv_text(small_files.rows(60, seed=9)))
    keys = "valid=v.csv early_stopping_rounds=5 learning_rate=0.5 n_trees=200 log_json=log.json"
    said = json.loads(run(f"train train=regression.csv model=m.gbt {keys} --json").out)
    lines = [json.loads(line) for line in (work / "log.json").read_text().splitlines()]
    values = [line["metrics"]["v"]["rmse"] for line in lines]
    best = values.index(min(values)) + 1
    assert len(values) == best + 5 < 200
    assert (said["best_round"], said["rounds"]) == (best, best)
    info = json.loads(run("info model=m.gbt --json").out)
    assert (info["best_round"], info["rounds"]) == (best, best)


def test_a_share_of_the_rows_can_be_held_out(run):
    result = run("train train=regression.csv model=m.gbt n_trees=3 valid_fraction=0.25")
    held = int(re.search(r"(\d+) validate", result.err)[1])
    assert 10 <= held <= 50
    assert "held_out rmse" in result.err


def test_training_goes_on_from_a_model(run):
    train(run, model="whole.gbt")
    train(run, model="again.gbt")
    run(f"train train=regression.csv model=half.gbt n_trees=5 min_child_samples=5 {QUIET}")
    train(run, keys="continue_from=half.gbt", model="half.gbt")
    whole, again, half = (
        run(f"predict model={name}.gbt data=regression.csv").out
        for name in ("whole", "again", "half")
    )
    assert whole == again
    assert json.loads(run("info model=half.gbt --json").out)["rounds"] == 12
    assert numbers(half) == pytest.approx(numbers(whole), abs=1e-5)


def test_importance_is_written_when_it_is_named(run, work):
    train(run, keys="importance=i.csv")
    rows = parse((work / "i.csv").read_text())
    assert [row["feature"] for row in rows] == ["a", "b", "c"]
    assert all(float(row["gain"]) > 0 for row in rows)


def test_a_gzip_file_gives_the_same_model(run, work):
    (work / "r.csv.gz").write_bytes(gzip.compress(small_files.regression().encode()))
    train(run, "regression.csv", model="plain.gbt")
    train(run, "r.csv.gz", model="zipped.gbt")
    assert (work / "plain.gbt").read_bytes() == (work / "zipped.gbt").read_bytes()


def test_the_result_does_not_depend_on_threads_or_backend(run, work):
    for name, keys in {"one": "threads=1", "two": "threads=2", "ref": "device=ref"}.items():
        train(run, "multiclass.csv", keys, f"{name}.gbt")
    one = (work / "one.gbt").read_bytes()
    assert (work / "two.gbt").read_bytes() == one
    assert (work / "ref.gbt").read_bytes() == one


def test_too_few_rows_for_a_split_give_the_mean(run, work):
    (work / "few.csv").write_text("a,y\n1,2\n2,4\n3,9\n")
    result = run("train train=few.csv model=m.gbt")
    assert "no leaf can be split" in result.err
    assert numbers(run("predict model=m.gbt data=few.csv").out) == pytest.approx([5, 5, 5])


def test_a_model_is_replaced_as_a_whole(run, work):
    train(run)
    old = (work / "m.gbt").read_bytes()
    (work / "kept.gbt").hardlink_to(work / "m.gbt")
    train(run, keys="max_leaves=4")
    assert (work / "m.gbt").read_bytes() != old
    assert (work / "kept.gbt").read_bytes() == old  # another file took the name
    assert not [name for name in os.listdir(work) if "tmp" in name]


def interrupt(program, work, model, number, keys=""):
    """Trains without end, sends the signal after the first report, and waits."""
    command = f"train train=regression.csv model={model} n_trees=1000000 {keys}"
    process = subprocess.Popen(
        [program, *command.split()], cwd=work, stderr=subprocess.PIPE, text=True
    )
    for line in process.stderr:
        if line.startswith("round "):
            break
    process.send_signal(number)
    errors = process.stderr.read()
    return process.wait(timeout=60), errors


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["INT", "TERM"])
def test_a_signal_saves_the_model_so_far(run, gbt_path, work, number):
    code, errors = interrupt(gbt_path, work, "m.gbt", number, "max_leaves=3 log_json=l.json")
    assert code == 130
    assert "(interrupted)" in errors
    run("verify model=m.gbt")
    rounds = json.loads(run("info model=m.gbt --json").out)["rounds"]
    assert 1 <= rounds < 1000000
    assert len((work / "l.json").read_text().splitlines()) == rounds


# ---- The configuration ---------------------------------------------------------------------------


def config(work, text, name="c.ini"):
    (work / name).parent.mkdir(exist_ok=True)
    (work / name).write_text(text)


def test_a_small_config_is_enough(run, work):
    config(work, "[data]\ntrain = regression.csv\nlabel = y\n\n[output]\nmodel = m.gbt\n")
    run("train c.ini")
    assert json.loads(run("info model=m.gbt --json").out)["rounds"] == 300


def test_the_command_line_wins_over_the_config(run, work):
    config(work, "[data]\ntrain = regression.csv\n[train]\nn_trees = 9\n[output]\nmodel = m.gbt\n")
    run(f"train c.ini n_trees=4 model=other.gbt {QUIET}")
    assert not (work / "m.gbt").exists()
    assert json.loads(run("info model=other.gbt --json").out)["rounds"] == 4


def test_paths_of_a_config_are_relative_to_it(run, work):
    config(work, "train = ../regression.csv\nvalid = v:../counts.csv\nmodel = m.gbt\n", "sub/c.ini")
    run(f"train sub/c.ini n_trees=3 log_json=here.json {QUIET}")
    assert (work / "sub" / "m.gbt").exists()
    assert (work / "here.json").exists()


def test_a_config_may_hold_comments_quotes_and_a_mark(run, work):
    lines = ["\ufeff# first", "[data] ; second", "train = 'regression.csv' # third", ""]
    config(work, "\r\n".join([*lines, 'label="y"', "[output]", "model=m.gbt"]))
    run(f"train c.ini n_trees=3 {QUIET}")


def test_one_config_serves_all_verbs(run, work):
    text = "[data]\ntrain = regression.csv\ndata = regression.csv\n[train]\nn_trees = 5\n"
    config(work, text + "[output]\nmodel = m.gbt\npredictions = p.csv\nverbosity = quiet\n")
    for verb in "check", "train", "predict", "eval", "info", "dump", "importance", "verify":
        assert run(f"{verb} c.ini").err == ""
    assert len(parse((work / "p.csv").read_text())) == 120


@pytest.mark.parametrize(
    ("alias", "key"),
    [
        ("n_estimators=7", "n_trees=7"),
        ("eta=0.3", "learning_rate=0.3"),
        ("num_leaves=5", "max_leaves=5"),
        ("lambda_l2=3", "reg_lambda=3"),
        ("train.seed=4 subsample=0.5", "seed=4 subsample=0.5"),
        ("objective=reg:squarederror", "objective=regression"),
        ("loss=l1", "objective=mae"),
        ("grow_policy=lossguide", "grow_policy=leafwise"),
        ("eta=0.2 learning_rate=0.2", "learning_rate=0.2"),
    ],
)
def test_another_name_does_the_same(run, work, alias, key):
    run(f"train train=regression.csv model=a.gbt {alias} {QUIET}")
    run(f"train train=regression.csv model=b.gbt {key} {QUIET}")
    assert (work / "a.gbt").read_bytes() == (work / "b.gbt").read_bytes()


# ---- predict -------------------------------------------------------------------------------------


def test_predictions_go_to_stdout_or_to_a_file(run, work):
    train(run)
    out = run("predict model=m.gbt data=regression.csv")
    named = run("predict model=m.gbt data=regression.csv predictions=p.csv")
    assert (out.err, named.out) == ("", "")
    assert (work / "p.csv").read_text() == out.out
    assert out.out.startswith("prediction\n")
    assert out.out.count("\n") == 121
    mean = sum(map(float, labels(work, "regression.csv"))) / 120
    assert sum(numbers(out.out)) / 120 == pytest.approx(mean, abs=0.02)


def test_probabilities_are_the_link_of_the_raw_scores(run):
    train(run, "binary.csv")
    response = numbers(run("predict model=m.gbt data=binary.csv").out)
    raw = numbers(run("predict model=m.gbt data=binary.csv output=raw").out, "raw")
    assert response == pytest.approx([1 / (1 + math.exp(-score)) for score in raw], rel=1e-5)


def test_classes_have_columns_and_names(run, work):
    train(run, "multiclass.csv")
    rows = parse(run("predict model=m.gbt data=multiclass.csv").out)
    assert list(rows[0]) == ["p_high", "p_low", "p_middle"]
    raw = parse(run("predict model=m.gbt data=multiclass.csv output=raw").out)
    assert list(raw[0]) == ["raw_high", "raw_low", "raw_middle"]
    assert all(sum(map(float, row.values())) == pytest.approx(1, abs=1e-5) for row in rows)
    classes = column(run("predict model=m.gbt data=multiclass.csv output=class").out, "class")
    best = [max(row, key=lambda name: float(row[name]))[2:] for row in rows]
    assert classes == best
    truth = labels(work, "multiclass.csv")
    assert sum(a == b for a, b in zip(classes, truth)) > 115


def test_binary_classes_have_the_names_of_the_labels(run, work):
    train(run, "binary.csv")
    classes = column(run("predict model=m.gbt data=binary.csv output=class").out, "class")
    response = numbers(run("predict model=m.gbt data=binary.csv").out)
    assert classes == ["yes" if p > 0.5 else "no" for p in response]


def test_leaves_are_numbered_tree_by_tree(run):
    train(run)
    rows = parse(run("predict model=m.gbt data=regression.csv output=leaf").out)
    assert list(rows[0]) == [f"tree_{t}" for t in range(12)]
    trees = json.loads(run("dump model=m.gbt format=json").out)["trees"]
    for t in range(12):
        seen = {int(row[f"tree_{t}"]) for row in rows}
        assert seen == set(range(trees[t]["leaves"]))  # every leaf holds training rows


def test_a_range_of_rounds_adds_up(run):
    train(run)
    command = "predict model=m.gbt data=regression.csv output=raw"
    base = json.loads(run("info model=m.gbt --json").out)["base_score"][0]
    whole, first, rest = (
        numbers(run(command + keys).out, "raw") for keys in ("", " trees_to=5", " trees_from=5")
    )
    assert whole == pytest.approx([a + b - base for a, b in zip(first, rest)], abs=1e-5)
    assert first != whole != rest


def test_the_id_column_is_copied_as_it_stands(run, work):
    train(run)
    (work / "p.csv").write_text('name,a,b,c\n007,1,2,red\n"x, ""y""",1,2,red\n 1e3 ,0,0,blue\n')
    out = run("predict model=m.gbt data=p.csv id=name").out
    assert column(out, "id") == ["007", 'x, "y"', "1e3"]
    assert len(numbers(out)) == 3


def test_columns_are_matched_by_name(run, work):
    train(run)
    table = small_files.rows(30, seed=5)
    (work / "p.csv").write_text(small_files.csv_text(table))
    moved = [(c, "7", y, b, a) for a, b, c, y in table]
    (work / "q.csv").write_text(small_files.csv_text(moved, "c,extra,y,b,a"))
    bare = [(a, b, c) for a, b, c, y in table]
    (work / "r.csv").write_text(small_files.csv_text(bare, "a,b,c"))
    outs = [run(f"predict model=m.gbt data={name}.csv").out for name in "pqr"]
    assert outs[0] == outs[1] == outs[2]


def test_an_unseen_category_is_counted_and_taken_as_missing(run, work):
    train(run)
    (work / "p.csv").write_text("a,b,c\n0.5,0.5,pink\n0.5,0.5,\n0.5,0.5,pink\n0.5,0.5,red\n")
    result = run("predict model=m.gbt data=p.csv")
    assert 'warning: p.csv: column "c": 2 cells hold a category not seen' in result.err
    values = numbers(result.out)
    assert values[0] == values[1] == values[2] != values[3]
    assert run(f"predict model=m.gbt data=p.csv {QUIET}").err == ""


def test_the_tokens_for_missing_cells_come_with_the_model(run, work):
    (work / "t.csv").write_text(small_files.regression().replace(",,", ",-,"))
    train(run, "t.csv", "missing=-")
    train(run, "regression.csv", model="plain.gbt")
    (work / "p.csv").write_text("a,b,c\n0.5,-,red\n")
    (work / "q.csv").write_text("a,b,c\n0.5,,red\n")
    first, second = (
        run(f"predict model={model} data={data}").out
        for model, data in (("m.gbt", "p.csv"), ("plain.gbt", "q.csv"))
    )
    assert first == second


def test_a_tsv_file_is_read_as_one(run, work):
    train(run)
    (work / "p.tsv").write_text("a\tb\tc\n0.5\t0.25\tred\n")
    (work / "p.csv").write_text("a,b,c\n0.5,0.25,red\n")
    (work / "p.txt").write_text("a,b,c\n0.5,0.25,red\n")
    outs = [
        run(f"predict model=m.gbt data=p.{end}").out for end in ("tsv", "csv", "txt format=csv")
    ]
    assert outs[0] == outs[1] == outs[2]


def test_sparse_files_train_and_predict(run, work):
    train(run, "sparse.svm")
    response = numbers(run("predict model=m.gbt data=sparse.svm").out)
    truth = [int(line[0]) for line in small_files.libsvm().splitlines()]
    assert all((p > 0.5) == (y == 1) for p, y in zip(response, truth))
    info = json.loads(run("info model=m.gbt --json").out)
    assert [feature["name"] for feature in info["features"]] == [f"f{i}" for i in range(1, 8)]
    first = json.loads(run("importance model=m.gbt --json").out)[0]
    assert first["feature"] == "f3"


# ---- eval ----------------------------------------------------------------------------------------


def test_eval_gives_the_metric_of_the_predictions(run, work):
    train(run)
    rows = parse(run("eval model=m.gbt data=regression.csv metric=rmse,mae").out)
    predicted = numbers(run("predict model=m.gbt data=regression.csv").out)
    truth = [float(y) for y in labels(work, "regression.csv")]
    error = [p - y for p, y in zip(predicted, truth)]
    assert [row["metric"] for row in rows] == ["rmse", "mae"]
    rmse = math.sqrt(sum(e * e for e in error) / len(error))
    mae = sum(map(abs, error)) / len(error)
    assert [float(row["value"]) for row in rows] == pytest.approx([rmse, mae], rel=1e-5)
    assert all(float(row["low"]) < float(row["value"]) < float(row["high"]) for row in rows)


def test_json_of_eval_says_the_same(run):
    train(run, "binary.csv")
    rows = parse(run("eval model=m.gbt data=binary.csv metric=auc,logloss").out)
    said = json.loads(run("eval model=m.gbt data=binary.csv metric=auc,logloss --json").out)
    assert said["rows"] == 120
    for row in rows:
        found = said["metrics"][row["metric"]]
        for key in ("value", "low", "high"):
            assert found[key] == pytest.approx(float(row[key]), rel=1e-5)


def test_eval_weighs_rows(run, work):
    train(run)
    table = small_files.rows(40, seed=7)
    doubled = [row for i, row in enumerate(table) for _ in range(1 + i % 2)]
    weighted = [(*row, str(1 + i % 2)) for i, row in enumerate(table)]
    (work / "d.csv").write_text(small_files.csv_text(doubled))
    (work / "w.csv").write_text(small_files.csv_text(weighted, "a,b,c,y,w"))
    twice = json.loads(run("eval model=m.gbt data=d.csv --json").out)["metrics"]["rmse"]
    heavy = json.loads(run("eval model=m.gbt data=w.csv weight=w --json").out)["metrics"]["rmse"]
    assert heavy["value"] == pytest.approx(twice["value"], rel=1e-6)


# ---- check ---------------------------------------------------------------------------------------


def test_check_shows_columns_and_the_resolved_configuration(run, work):
    before = set(os.listdir(work))
    out = run("check train=multiclass.csv model=m.gbt ignore=b").out
    assert set(os.listdir(work)) == before
    assert re.search(r"^  a +feature +numbers$", out, flags=re.M)
    assert re.search(r"^  b +ignored$", out, flags=re.M)
    assert re.search(r"^  c +feature +text, 3 values$", out, flags=re.M)
    assert re.search(r"^  y +label +text, 3 values$", out, flags=re.M)
    assert "objective = multiclass  # from the data" in out
    assert "num_class = 3  # from the data" in out
    assert "ignore = b\n" in out
    assert "\n# n_trees = 300\n" in out
    assert "estimate for about 120 rows" in out


def test_json_of_check_says_the_same(run):
    said = json.loads(run("check train=regression.csv max_leaves=9 --json").out)
    assert [(c["name"], c["role"], c["kind"]) for c in said["columns"]] == [
        ("a", "feature", "number"),
        ("b", "feature", "number"),
        ("c", "feature", "text"),
        ("y", "label", "number"),
    ]
    assert said["columns"][1]["missing"] == sum(not b for a, b, c, y in small_files.rows())
    assert said["params"]["objective"] == "regression"
    assert said["params"]["max_leaves"] == "9"
    assert said["estimate"]["rows"] == 120
    assert said["estimate"]["bytes"] > 0


@pytest.mark.parametrize("packed", [False, True])
def test_check_estimates_the_rows_of_a_long_file(run, work, packed):
    rows = small_files.csv_text(small_files.rows(1000) * 90).encode()
    name = "long.csv.gz" if packed else "long.csv"
    (work / name).write_bytes(gzip.compress(rows) if packed else rows)
    said = json.loads(run(f"check train={name} --json").out)
    assert said["estimate"]["rows"] == pytest.approx(90000, rel=0.05)


def test_check_does_not_judge_a_file_by_its_first_rows(run, work):
    table = [(a, b, c, "no") for a, b, c, y in small_files.rows(1000)] * 21
    text = small_files.csv_text(table) + "0.1,0.2,red,yes\n"
    (work / "late.csv").write_text(text)
    result = run("check train=late.csv objective=binary --json")
    assert "rows alone could not be trained on: the label has only one class" in result.err
    said = json.loads(result.out)
    assert said["estimate"] is None
    assert len(said["columns"]) == 4
    assert "objective = binary" in run("check train=late.csv objective=binary").out


def test_the_configuration_that_check_prints_is_a_config(run, work):
    out = run("check train=binary.csv model=m.gbt n_trees=4 seed=3").out
    config(work, out[out.index("[data]") :])
    run(f"train c.ini {QUIET}")
    run(f"train train=binary.csv model=n.gbt n_trees=4 seed=3 {QUIET}")
    outs = [run(f"predict model={name}.gbt data=binary.csv").out for name in "mn"]
    assert outs[0] == outs[1]


# ---- info, dump, importance, verify --------------------------------------------------------------


def test_info_tells_what_the_model_is(run, work):
    train(run, "binary.csv", "max_leaves=6 valid_fraction=0.2")
    said = json.loads(run("info model=m.gbt --json").out)
    assert (said["objective"], said["outputs"], said["classes"]) == ("binary", 1, ["no", "yes"])
    assert said["bytes"] == (work / "m.gbt").stat().st_size
    assert said["train_rows"] < 120
    assert said["label"] == "y"
    assert [f["categorical"] for f in said["features"]] == [False, False, True]
    assert said["params"]["max_leaves"] == "6"
    text = run("info model=m.gbt").out
    for part in ("objective      binary", "rounds  ", "c (categorical)", "max_leaves = 6"):
        assert part in text


def test_the_dump_is_the_model(run, work):
    """Walks the dumped trees and compares with the predictions."""
    train(run)
    dump = json.loads(run("dump model=m.gbt format=json").out)
    assert json.loads(run("dump model=m.gbt --json").out) == dump
    names = [feature["name"] for feature in dump["features"]]

    def leaf(tree, row):
        nodes = {node["node"]: node for node in tree["nodes"]}
        node = nodes[0]
        while "left" in node:
            value = row[names[node["feature"]]]
            if value == "":
                left = node["missing_left"]
            elif "left_categories" in node:
                left = value in node["left_categories"]
            else:
                left = float(value) <= node["threshold"]
            node = nodes[node["left" if left else "right"]]
        return node["value"]

    with open(work / "regression.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    expected = [dump["base_score"][0] + sum(leaf(t, row) for t in dump["trees"]) for row in rows]
    predicted = numbers(run("predict model=m.gbt data=regression.csv output=raw").out, "raw")
    assert predicted == pytest.approx(expected, abs=1e-5)


def test_the_dump_as_text_and_as_a_graph(run):
    train(run)
    text = run("dump model=m.gbt").out
    assert text == run("dump model=m.gbt format=text").out
    assert len(re.findall(r"^tree \d+", text, flags=re.M)) == 12
    dot = run("dump model=m.gbt format=dot").out
    assert dot.startswith("digraph")
    assert len(re.findall(r"subgraph cluster_\d+ {", dot)) == 12


def test_importance_is_sorted_by_gain(run):
    train(run)
    rows = parse(run("importance model=m.gbt").out)
    assert {row["feature"] for row in rows} == {"a", "b", "c"}
    gains = [float(row["gain"]) for row in rows]
    assert gains == sorted(gains, reverse=True)
    said = json.loads(run("importance model=m.gbt --json").out)
    assert [row["feature"] for row in said] == [row["feature"] for row in rows]
    dump = json.loads(run("dump model=m.gbt --json").out)
    splits = sum("left" in node for tree in dump["trees"] for node in tree["nodes"])
    assert sum(row["split"] for row in said) == splits


def test_verify_finds_a_good_model_good(run):
    train(run)
    assert re.match(r"good: checksums, 12 trees, \d+ leaves\n$", run("verify model=m.gbt").out)
    assert json.loads(run("verify model=m.gbt --json").out)["good"] is True


# ---- params and help -----------------------------------------------------------------------------


def test_the_manual_in_the_repository_is_up_to_date(run, root):
    with open(os.path.join(root, "gbt", "PARAMS.md"), encoding="utf-8") as file:
        assert run("params --markdown").out == file.read(), "gbt params --markdown >gbt/PARAMS.md"


def test_the_template_is_a_config_of_defaults(run, work):
    template = run("params --ini").out
    config(work, template)
    run(f"train c.ini train=regression.csv model=a.gbt {QUIET}")
    run(f"train train=regression.csv model=b.gbt {QUIET}")
    assert (work / "a.gbt").read_bytes() == (work / "b.gbt").read_bytes()


def test_params_explains_a_key_by_any_name(run):
    text = run("params eta").out
    assert text.startswith("[train] learning_rate  (real, (0, 1])  default: 0.1")
    assert text == run("params learning_rate").out == run("params train.learning_rate").out
    assert text in run("params").out


def test_help_names_every_verb_and_its_keys(run):
    text = run("--help").out
    assert text == run("help").out == run("-h").out
    verbs = re.findall(r"^  gbt (\w+) {2,}", text, flags=re.M)
    for verb in ("train", "predict", "eval", "check", "info", "dump", "importance", "verify"):
        assert verb in verbs
        said = run(f"help {verb}").out
        assert said.startswith(f"gbt {verb} ")
        assert said == run(f"{verb} --help").out
        assert " model" in said.split("Keys:")[1]
    assert re.match(r"gbt \d+\.\d+\.\d+\n$", run("--version").out)


# ---- Streams -------------------------------------------------------------------------------------


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("verb", ["info", "dump", "predict data=regression.csv"])
def test_a_full_standard_output_is_a_failure(run, gbt_path, work, verb):
    train(run)
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [gbt_path, *verb.split(), "model=m.gbt"], cwd=work, stdout=full, stderr=subprocess.PIPE
        )
    assert done.returncode == 1
    assert b"standard output could not be written" in done.stderr


def test_a_second_signal_ends_the_program_at_once(gbt_path, work):
    rows = small_files.rows(1000)
    (work / "long.csv").write_text(small_files.csv_text(rows * 100))
    command = "train train=long.csv model=m.gbt n_trees=100000 metric_every=100000"
    process = subprocess.Popen([gbt_path, *command.split()], cwd=work, stderr=subprocess.PIPE)
    for line in process.stderr:
        if line.startswith(b"objective"):
            break
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 130
    assert not (work / "m.gbt").exists()
