"""gbt multitask: tables against predictions measured here, the saved model, comparisons of modes,
and everything that is refused."""

import csv
import io
import json
import math
import random
import signal
import subprocess

import pytest
from refusal import DATA, USAGE, refuse, table, write

KEYS = ("n_trees_shared=12", "n_trees_robust=12", "n_trees_task=6", "min_child_samples=5")
SHOPS = ("east", "north", "odd", "west")


def rows(n=60, seed=1, shops=SHOPS):
    """Columns a, b, shop, y: the same function of a and b in all shops but one, where it is turned
    upside down."""
    draw = random.Random(seed)
    result = []
    for i in range(n * len(shops)):
        shop = shops[i % len(shops)]
        a, b = draw.random(), draw.random()
        y = (2 * a - b) * (-1 if shop == "odd" else 1) + draw.gauss(0, 0.05)
        result.append((f"{a:.4f}", f"{b:.4f}", shop, f"{y:.4f}"))
    return result


def text(table_rows, names="a,b,shop,y"):
    return names + "\n" + "".join(",".join(row) + "\n" for row in table_rows)


@pytest.fixture
def work(tmp_path):
    write(tmp_path / "train.csv", text(rows()))
    write(tmp_path / "test.csv", text(rows(20, 7)))
    return tmp_path


@pytest.fixture
def run(gbt, work):
    """run("mode=shared") -> Result of the verb with the usual keys."""

    def run(keys="", code=0, quiet="verbosity=quiet"):
        words = f"multitask train=train.csv task=shop model=m.gbt {quiet} {keys}".split()
        given = {word.partition("=")[0] for word in words}
        usual = [key for key in KEYS if key.partition("=")[0] not in given]
        return gbt(*words, *usual, code=code, cwd=work)

    return run


def read_csv(lines):
    return list(csv.DictReader(io.StringIO("\n".join(lines))))


def tables(out):
    """Title -> rows of each table of the output."""
    result = {}
    for part in out.strip("\n").split("\n\n"):
        title, *lines = part.split("\n")
        assert title.startswith("# ")
        result[title[2:]] = read_csv(lines)
    return result


def predictions(gbt, work, model="m.gbt", data="test.csv"):
    out = gbt("predict", f"model={model}", f"data={data}", "verbosity=quiet", cwd=work).out
    return [float(row["prediction"]) for row in csv.DictReader(io.StringIO(out))]


def rmse(predicted, table_rows, shop=None):
    errors = [
        (p - float(row[3])) ** 2
        for p, row in zip(predicted, table_rows, strict=True)
        if shop in (None, row[2])
    ]
    return math.sqrt(sum(errors) / len(errors))


# ---- Tables --------------------------------------------------------------------------------------


def test_without_data_the_tasks_are_one_plain_table(run, work):
    lines = read_csv(run().out.splitlines())
    assert list(lines[0]) == ["task", "train_rows", "outlier_weight", "cluster"]
    assert sorted(line["task"] for line in lines) == sorted(SHOPS)
    assert {line["train_rows"] for line in lines} == {"60"}
    weights = [float(line["outlier_weight"]) for line in lines]
    assert weights == sorted(weights, reverse=True)
    assert all(0 < weight < 1 for weight in weights)
    assert (work / "m.gbt").exists()


def test_the_outlier_comes_first(run):
    lines = read_csv(run("n_trees_shared=0 n_trees_robust=60").out.splitlines())
    assert lines[0]["task"] == "odd"
    assert float(lines[0]["outlier_weight"]) > 0.5 > float(lines[1]["outlier_weight"])


@pytest.mark.parametrize("mode", ["shared", "single", "pooled", "feature", "clustered"])
def test_modes_without_weights_leave_them_out(gbt, work, mode):
    words = f"multitask train=train.csv task=shop model=m.gbt verbosity=quiet mode={mode}"
    lines = read_csv(gbt(*words.split(), "min_child_samples=5", cwd=work).out.splitlines())
    assert [line["task"] for line in lines] == sorted(SHOPS)
    assert {line["outlier_weight"] for line in lines} == {""}
    clusters = {line["task"]: line["cluster"] for line in lines}
    if mode == "clustered":
        assert clusters["odd"] not in {clusters[shop] for shop in SHOPS if shop != "odd"}
    else:
        assert set(clusters.values()) == {"0"}


def test_metrics_are_those_of_the_predictions(gbt, run, work):
    found = tables(run("data=test.csv metric=rmse,mae").out)
    assert list(found) == ["metrics", "task metrics", "tasks"]
    test = rows(20, 7)
    predicted = predictions(gbt, work)
    assert [line["metric"] for line in found["metrics"]] == ["rmse", "mae"]
    assert float(found["metrics"][0]["robust"]) == pytest.approx(rmse(predicted, test), rel=1e-5)
    by_task = {(line["task"], line["metric"]): line for line in found["task metrics"]}
    assert len(by_task) == len(found["task metrics"]) == 2 * len(SHOPS)
    for shop in SHOPS:
        line = by_task[shop, "rmse"]
        assert line["rows"] == "20"
        assert float(line["robust"]) == pytest.approx(rmse(predicted, test, shop), rel=1e-5)
    order = [line["task"] for line in found["tasks"]]
    assert [line["task"] for line in found["task metrics"][::2]] == order


def test_compared_modes_are_those_trained_alone(gbt, run, work):
    both = tables(run("data=test.csv compare=pooled,stl,feature").out)
    assert list(both["metrics"][0]) == ["metric", "robust", "pooled", "single", "feature"]
    saved = predictions(gbt, work)
    run()
    assert predictions(gbt, work) == saved  # of the chosen mode, as without a comparison
    for mode, keys in (
        ("pooled", KEYS[:1]),
        ("single", KEYS[2:3]),
        ("feature", KEYS[:1]),
    ):
        words = f"multitask train=train.csv task=shop model=other.gbt mode={mode} data=test.csv"
        alone = tables(gbt(*words.split(), "verbosity=quiet", *keys, KEYS[3], cwd=work).out)
        assert alone["metrics"][0][mode] == both["metrics"][0][mode]
        expected = {(line["task"], line["metric"]): line[mode] for line in alone["task metrics"]}
        found = {(line["task"], line["metric"]): line[mode] for line in both["task metrics"]}
        assert found == expected


def test_json_says_the_same(run):
    keys = "data=test.csv compare=pooled"
    plain, said = tables(run(keys).out), json.loads(run(keys + " --json").out)
    assert (said["model"], said["mode"], said["objective"]) == ("m.gbt", "robust", "regression")
    assert said["rounds"] == {"shared": 12, "robust": 12, "task": 6}
    assert said["interrupted"] is False
    for mode in ("robust", "pooled"):
        value = float(plain["metrics"][0][mode])
        assert said["metrics"][mode]["rmse"] == pytest.approx(value, rel=1e-6)
    assert [task["task"] for task in said["tasks"]] == [line["task"] for line in plain["tasks"]]
    for task, line in zip(said["tasks"], plain["tasks"], strict=True):
        assert task["train_rows"] == 60 and task["rows"] == 20
        weight = float(line["outlier_weight"])
        assert task["outlier_weight"] == pytest.approx(weight, rel=1e-6)
        assert set(task["metrics"]) == {"robust", "pooled"}


def test_tasks_without_test_rows_and_undefined_metrics_are_empty(gbt, work):
    train = [(a, b, shop, "yes" if float(y) > 0.3 else "no") for a, b, shop, y in rows()]
    write(work / "train.csv", text(train))
    test = [row for row in train if row[2] == "north" or (row[2] == "west" and row[3] == "yes")]
    write(work / "test.csv", text(test))
    words = "multitask train=train.csv task=shop model=m.gbt data=test.csv metric=logloss,auc"
    found = tables(gbt(*words.split(), *KEYS, "verbosity=quiet", cwd=work).out)
    by_task = {(line["task"], line["metric"]): line["robust"] for line in found["task metrics"]}
    assert {task for task, _ in by_task} == {"north", "west"}
    assert by_task["west", "auc"] == ""
    assert 0 < float(by_task["north", "auc"]) <= 1
    assert float(by_task["west", "logloss"]) > 0


def test_tasks_may_be_numbers_and_unseen_ones_are_measured_too(gbt, work):
    numbered = [(a, b, str(SHOPS.index(shop)), y) for a, b, shop, y in rows()]
    write(work / "train.csv", text(numbered))
    other = [(a, b, "9", y) for a, b, shop, y in rows(20, 7) if shop != "odd"]
    write(work / "test.csv", text(numbered[:40] + other))
    words = "multitask train=train.csv task=shop model=m.gbt data=test.csv verbosity=quiet"
    found = tables(gbt(*words.split(), *KEYS, cwd=work).out)
    assert {line["task"] for line in found["task metrics"]} == {"0", "1", "2", "3", "(unseen)"}
    assert {line["task"] for line in found["tasks"]} == {"0", "1", "2", "3"}
    assert found["task metrics"][-1]["task"] == "(unseen)"
    predicted = predictions(gbt, work)
    line = next(line for line in found["task metrics"] if line["task"] == "(unseen)")
    assert line["rows"] == "60"
    assert float(line["robust"]) == pytest.approx(rmse(predicted[40:], other), rel=1e-5)


def test_texts_of_unseen_tasks_are_one_task(gbt, run, work):
    test = rows(20, 7) + rows(5, 8, ("south", "southwest"))
    write(work / "test.csv", text(test))
    found = tables(run("data=test.csv").out)
    line = next(line for line in found["task metrics"] if line["task"] == "(unseen)")
    assert line["rows"] == "10"
    predicted = predictions(gbt, work)
    assert float(line["robust"]) == pytest.approx(rmse(predicted[80:], test[80:]), rel=1e-5)


# ---- Configuration, progress, signals ------------------------------------------------------------


def test_a_config_may_hold_the_keys_of_other_verbs(gbt, work):
    config = """
        [data]
        train = train.csv
        task = shop
        [train]
        n_trees = 50
        max_seconds = 100
        [output]
        model = m.gbt
        predictions = p.csv
        [influence]
        top_k = 3
        [multitask]
        n_trees_shared = 5
        n_trees_robust = 4
        n_trees_task = 3
    """
    write(work / "c.ini", "\n".join(line.strip() for line in config.splitlines()))
    result = gbt("multitask", "c.ini", "--json", cwd=work)
    assert json.loads(result.out)["rounds"] == {"shared": 5, "robust": 4, "task": 3}
    assert "train.csv: 240 rows" in result.err
    assert "m.gbt: robust, regression, 4 tasks, trained in" in result.err
    assert not (work / "p.csv").exists()


def test_validation_rows_are_watched_and_logged(run, work):
    result = run("valid=v:test.csv log_json=log.json metric_every=1", quiet="")
    lines = [json.loads(line) for line in (work / "log.json").read_text().splitlines()]
    assert len(lines) > 10
    assert lines[0]["round"] == 1
    assert all("rmse" in next(iter(line["metrics"].values())) for line in lines)
    assert sum(line.startswith("round ") for line in result.err.splitlines()) == len(lines)


def test_quiet_says_nothing(run):
    assert run().err == ""
    said = run("data=test.csv compare=pooled", quiet="").err
    assert "mode robust" in said and "mode pooled" in said


def test_a_signal_saves_the_model_so_far(gbt, gbt_path, work):
    command = "multitask train=train.csv task=shop model=m.gbt n_trees_shared=900000 --json"
    process = subprocess.Popen(
        [gbt_path, *command.split(), "data=test.csv"],
        cwd=work,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for line in process.stderr:
        if line.startswith("round "):
            break
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "(interrupted)" in errors
    said = json.loads(out)
    assert said["interrupted"] is True and "metrics" not in said
    assert 1 <= said["rounds"]["shared"] < 900000
    gbt("verify", "model=m.gbt", cwd=work)


# ---- Refusals ------------------------------------------------------------------------------------

REFUSED = table(r"""
    2 |                                             | gbt multitask needs task=COLUMN
    2 | task=shop                                   | gbt multitask needs train=FILE
    2 | task=shop train=train.csv                   | gbt multitask needs model=FILE
    2 | task=shop train=none.csv                    | train = none.csv: No such file
    2 | task=house train=train.csv model=m.gbt      | task: no column "house"
    2 | + data=none.csv                             | data = none.csv: No such file
    2 | + model=train.csv                           | model and train name the same file
    2 | + data=test.csv log_json=test.csv           | log_json and data name the same file
    2 | + valid=train.csv,test.csv                  | valid lists 2 files; gbt multitask takes one
    2 | + compare=pooled                            | compare needs data=FILE
    2 | + data=test.csv compare=robust              | compare: robust is the mode already
    2 | + data=test.csv compare=r-mtgb              | compare: robust is the mode already
    2 | + data=test.csv compare=pooled,dp           | compare: pooled is in the list already
    2 | + data=test.csv compare=pool                | compare: mode = pool: unknown value
    2 | + mode=solo                                 | mode = solo: unknown value
    2 | + n_trees=5                                 | n_trees has no effect in "gbt multitask"
    2 | + predictions=p.csv                         | predictions has no effect in "gbt multitask"
    2 | + units=5                                   | units has no effect in "gbt multitask"
    2 | + mode=pooled theta_scale=1                 | theta_scale has no effect with mode = pooled
    2 | + mode=shared max_clusters=3                | max_clusters has no effect with mode = shared
    2 | + n_trees_shared=0 n_trees_robust=0 n_trees_task=0 | numbers of trees are all 0
    3 | task=shop model=m.gbt train=bare.csv        | bare.csv: no label
    3 | + data=bare.csv                             | bare.csv: no label; metrics need one
    3 | + valid=bare.csv                            | bare.csv: no label; validation needs one
    3 | + data=other.csv                            | no column "a"
    """)


@pytest.mark.parametrize(("code", "keys", "says"), REFUSED, ids=[case[1] for case in REFUSED])
def test_it_is_refused(gbt, work, code, keys, says):
    write(work / "bare.csv", text([row[:3] for row in rows()], "a,b,shop"))
    write(work / "other.csv", text(rows(), "u,b,shop,y"))
    write(work / "m.gbt", "an older model")
    if keys.startswith("+"):
        keys = "task=shop train=train.csv" + keys[1:]
        keys += "" if "model=" in keys else " model=m.gbt"
    refuse(gbt, work, ["multitask", *keys.split()], int(code), [says])


def test_influence_refuses_the_file(gbt, run, work):
    run()
    words = "influence model=m.gbt train=train.csv data=test.csv"
    refuse(gbt, work, words.split(), DATA, ["multi"])


def test_a_task_column_of_fractions_is_refused(gbt, work):
    write(work / "train.csv", text([(a, b, a, y) for a, b, _, y in rows()]))
    words = "multitask train=train.csv task=shop model=m.gbt"
    refuse(gbt, work, words.split(), DATA, ["is no task number"])


def test_compare_alone_does_not_make_keys_of_other_modes_wrong(gbt, work):
    words = "multitask train=train.csv task=shop model=m.gbt mode=pooled n_trees_task=3"
    refuse(gbt, work, words.split(), USAGE, ["n_trees_task has no effect with mode = pooled"])
    gbt(*words.split(), "compare=single", "data=test.csv", cwd=work)
