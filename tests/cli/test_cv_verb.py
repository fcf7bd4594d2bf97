"""gbt cv: the table against predictions measured here, folds against their rules, the log, and
everything that is refused."""

import csv
import io
import json
import math
import random
import signal
import statistics
import subprocess

import pytest
import small_files
from refusal import DATA, MEMORY, USAGE, Cases, refuse, refuse_case, write

KEYS = ("n_trees=12", "min_child_samples=5")


def rows(n=150, seed=4):
    """Columns id, a, b, shop (group of 1 to 9 rows), part (0, 1 or empty), w, kind, y."""
    draw = random.Random(seed)
    result, shop = [], 0
    for i in range(n):
        a, b = draw.random(), draw.random()
        shop += draw.random() < 0.3
        y = 2 * a - b + draw.gauss(0, 0.1)
        kind = "low" if y < 0 else "mid" if y < 1 else "high"
        part = "" if i % 10 == 0 else str(7 + i % 3)
        result.append(
            (f"r{i}", f"{a:.4f}", f"{b:.4f}", f"s{shop}", part, str(1 + i % 2), kind, f"{y:.4f}")
        )
    return result


NAMES = "id,a,b,shop,part,w,kind,y"


@pytest.fixture
def work(tmp_path):
    write(tmp_path / "train.csv", small_files.csv_text(rows(), NAMES))
    return tmp_path


@pytest.fixture
def run(gbt, work):
    """run("label=y") -> Result of the verb with the usual keys; columns without a role are not
    features."""

    def run(keys="", code=0, quiet="verbosity=quiet"):
        given = dict(word.split("=", 1) for word in keys.split() if "=" in word)
        used = given.values()
        spare = [name for name in ("id", "shop", "part", "w", "kind", "y") if name not in used]
        usual = [key for key in KEYS if key.partition("=")[0] not in given]
        ignored = "" if "ignore" in given else f"ignore={','.join(spare)}"
        words = f"cv train=train.csv {ignored} {quiet} {keys}".split()
        return gbt(*words, *usual, code=code, cwd=work)

    return run


def read_csv(text):
    return list(csv.DictReader(io.StringIO(text)))


def label(name):
    return [row[NAMES.split(",").index(name)] for row in rows()]


def rmse(pairs, weights=None):
    weights = weights or [1.0] * len(pairs)
    squares = sum(w * (p - y) ** 2 for (p, y), w in zip(pairs, weights))
    return math.sqrt(squares / sum(weights))


# ---- Numbers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("weight", ["", "weight=w"])
def test_the_table_says_what_the_predictions_do(run, work, weight):
    out = run(f"label=y metric=rmse {weight} predictions=p.csv folds=4").out
    (line,) = read_csv(out)
    predictions = read_csv((work / "p.csv").read_text())
    assert [p["row"] for p in predictions] == [str(i) for i in range(150)]
    y = [float(cell) for cell in label("y")]
    w = [float(cell) for cell in label("w")]
    by_fold = []
    for fold in range(4):
        at = [i for i, p in enumerate(predictions) if p["fold"] == str(fold)]
        assert len(at) in (37, 38)
        by_fold.append(
            rmse(
                [(float(predictions[i]["prediction"]), y[i]) for i in at],
                [w[i] for i in at] if weight else None,
            )
        )
        assert float(line[f"fold_{fold}"]) == pytest.approx(by_fold[-1], rel=1e-5)
    assert (line["data"], line["metric"]) == ("held_out", "rmse")
    assert float(line["mean"]) == pytest.approx(statistics.mean(by_fold), rel=1e-5)
    assert float(line["deviation"]) == pytest.approx(statistics.stdev(by_fold), rel=1e-4)


@pytest.mark.parametrize("fold_key", ["folds=3", "fold=part"])
def test_a_fold_is_a_training_on_the_other_rows(run, gbt, work, fold_key):
    """Cuts and categories too are those of the training part."""
    keys = "label=y n_trees=9 early_stopping_rounds=0 metric=rmse categorical=shop"
    (line,) = read_csv(run(f"{keys} ignore=id,w,kind {fold_key} predictions=p.csv").out)
    predicted = read_csv((work / "p.csv").read_text())
    for fold in range(3):
        for name, is_inside in (("in.csv", False), ("out.csv", True)):
            part = [r for r, p in zip(rows(), predicted) if (p["fold"] == str(fold)) == is_inside]
            write(work / name, small_files.csv_text(part, NAMES))
        used = f"{keys} min_child_samples=5 verbosity=quiet".replace(
            "n_trees=9", f"n_trees={line['n_trees']}"
        )
        ignored = "id,w,kind,part" if fold_key == "fold=part" else "id,w,kind"
        gbt(*f"train train=in.csv model=m.gbt ignore={ignored} {used}".split(), cwd=work)
        result = gbt(*"eval model=m.gbt data=out.csv metric=rmse --json".split(), cwd=work)
        value = json.loads(result.out)["metrics"]["rmse"]["value"]
        assert float(line[f"fold_{fold}"]) == pytest.approx(value, rel=1e-6)
        gbt(*"predict model=m.gbt data=out.csv predictions=o.csv".split(), cwd=work)
        own = [o["prediction"] for o in read_csv((work / "o.csv").read_text())]
        assert own == [p["prediction"] for p in predicted if p["fold"] == str(fold)]


def test_probabilities_of_several_classes_and_their_loss(run, work):
    (line,) = read_csv(run("label=kind predictions=p.csv id=id repeats=2 folds=3").out)
    predictions = read_csv((work / "p.csv").read_text())
    assert list(predictions[0]) == ["id", "repeat", "fold", "p_high", "p_low", "p_mid"]
    assert [p["id"] for p in predictions] == 2 * [f"r{i}" for i in range(150)]
    kinds = label("kind")
    losses = []
    for repeat in "01":
        for fold in "012":
            at = [
                i for i, p in enumerate(predictions) if (p["repeat"], p["fold"]) == (repeat, fold)
            ]
            loss = [-math.log(float(predictions[i][f"p_{kinds[i % 150]}"])) for i in at]
            losses.append(statistics.mean(loss))
            assert float(line[f"repeat_{repeat}_fold_{fold}"]) == pytest.approx(
                losses[-1], rel=1e-5
            )
    assert float(line["mean"]) == pytest.approx(statistics.mean(losses), rel=1e-5)
    folds = [p["fold"] for p in predictions]
    assert folds[:150] != folds[150:]


def test_classes_are_spread_evenly_over_the_folds(run, work):
    run("label=kind predictions=p.csv folds=4")
    folds = [p["fold"] for p in read_csv((work / "p.csv").read_text())]
    for kind in ("low", "mid", "high"):
        sizes = [
            sum(f == fold and k == kind for f, k in zip(folds, label("kind"))) for fold in "0123"
        ]
        assert max(sizes) - min(sizes) <= 1 and min(sizes) > 0


def test_raw_scores_are_the_log_odds(run, work):
    run("label=kind objective=multiclassova predictions=p.csv")
    run("label=kind objective=multiclassova predictions=r.csv output=raw")
    for p, r in zip(read_csv((work / "p.csv").read_text()), read_csv((work / "r.csv").read_text())):
        assert float(p["p_low"]) == pytest.approx(
            1 / (1 + math.exp(-float(r["raw_low"]))), rel=1e-5
        )
        assert p["fold"] == r["fold"]


def test_json_says_the_same_as_the_table(run):
    held_out, train = read_csv(run("label=y metric=mae train_metric=true repeats=2 folds=2").out)
    said = json.loads(run("label=y metric=mae train_metric=true repeats=2 folds=2 --json").out)
    assert said["rows"] == 150 and said["folds"] == 2 and said["repeats"] == 2
    assert said["objective"] == "regression" and said["stratified"] is False
    assert said["interrupted"] is False and said["rounds"] == 12
    for line in (held_out, train):
        one = said["metrics"][line["data"]]["mae"]
        assert said["n_trees"] == int(line["n_trees"])
        assert one["mean"] == pytest.approx(float(line["mean"]), rel=1e-7)
        assert one["deviation"] == pytest.approx(float(line["deviation"]), rel=1e-7)
        for repeat in range(2):
            for fold in range(2):
                cell = float(line[f"repeat_{repeat}_fold_{fold}"])
                assert one["folds"][repeat][fold] == pytest.approx(cell, rel=1e-7)
    assert float(train["mean"]) < float(held_out["mean"])


def test_the_log_is_the_curve_and_its_best_round_the_answer(run, work):
    keys = "label=y metric=rmse,mae n_trees=200 early_stopping_rounds=7 learning_rate=0.5"
    lines = read_csv(run(f"{keys} log_json=l.json").out)
    log = [json.loads(line) for line in (work / "l.json").read_text().splitlines()]
    curve = [one["metrics"]["held_out"]["rmse"] for one in log]
    best = curve.index(min(curve)) + 1
    assert [one["round"] for one in log] == list(range(1, len(log) + 1))
    assert len(log) == best + 7
    for line in lines:
        at = log[best - 1]
        assert int(line["n_trees"]) == best
        assert float(line["mean"]) == pytest.approx(
            at["metrics"]["held_out"][line["metric"]], rel=1e-7
        )
        deviation = at["deviations"]["held_out"][line["metric"]]
        assert float(line["deviation"]) == pytest.approx(deviation, rel=1e-7)


def test_threads_change_nothing_and_the_seed_does(run, work):
    outs = []
    for keys in ("threads=1", "threads=3", "seed=1"):
        out = run(f"label=y predictions=p.csv {keys}").out
        outs.append((out, (work / "p.csv").read_text()))
    assert outs[0] == outs[1]
    assert outs[0] != outs[2]


# ---- Folds ---------------------------------------------------------------------------------------


def test_groups_stay_together(run, work):
    run("label=kind group=shop predictions=p.csv folds=3")
    fold_of = {}
    for shop, p in zip(label("shop"), read_csv((work / "p.csv").read_text())):
        assert fold_of.setdefault(shop, p["fold"]) == p["fold"]
    assert set(fold_of.values()) == {"0", "1", "2"}


@pytest.mark.parametrize("id_key", ["", "id=id"])
def test_a_column_says_which_fold_a_row_is_in(run, work, id_key):
    (line,) = read_csv(run(f"label=y fold=part predictions=p.csv {id_key}").out)
    assert "fold_2" in line and "fold_3" not in line
    predictions = read_csv((work / "p.csv").read_text())
    for i, (part, p) in enumerate(zip(label("part"), predictions)):
        assert p["fold"] == ("" if part == "" else str(int(part) - 7))
        assert (p["prediction"] == "") == (part == "")
        assert p.get("id", p.get("row")) == (f"r{i}" if id_key else str(i))
    by_index = run(f"label=y fold={NAMES.split(',').index('part')} {id_key}").out
    assert read_csv(by_index) == [line]


def test_the_fold_column_is_no_feature_whether_it_is_ignored_or_not(gbt, work):
    keys = "cv train=train.csv label=y ignore=id,shop,w,kind n_trees=3"
    said = gbt(*keys.replace("kind", "kind,part").split(), "fold=part", cwd=work)
    assert "150 rows, 2 features" in said.err
    assert said.out == gbt(*keys.split(), "fold=part", cwd=work).out
    said = gbt(*keys.split(), "fold=part", cwd=work).err
    assert "150 rows, 2 features" in said
    said = gbt(*keys.replace("ignore=id,", "ignore=").split(), "fold=part", "id=id", cwd=work).err
    assert "150 rows, 2 features" in said
    write(work / "c.ini", "[cv]\nfold = part\n")
    usual = "train=train.csv label=y ignore=id,shop,w,kind model=m.gbt n_trees=3"
    assert "150 rows, 2 features" in gbt("train", "c.ini", *usual.split(), cwd=work).err


def test_a_libsvm_file_is_split_like_any_other(gbt, work):
    write(work / "x.svm", small_files.libsvm())
    out = gbt(*"cv train=x.svm objective=binary n_trees=5 verbosity=quiet".split(), cwd=work).out
    assert read_csv(out)[0]["metric"] == "logloss"


def test_a_metric_that_a_fold_does_not_define_has_an_empty_cell(gbt, work):
    table = [(str(i), str(i // 20), "1" if i >= 10 and i % 3 == 0 else "0") for i in range(60)]
    write(
        work / "x.csv",
        small_files.csv_text([(a, f if int(a) >= 10 else "9", y) for a, f, y in table], "a,f,y"),
    )
    result = gbt(
        *"cv train=x.csv label=y objective=binary metric=auc fold=f n_trees=3".split(),
        "min_child_samples=2",
        cwd=work,
    )
    (line,) = read_csv(result.out)
    assert line["fold_3"] == "" and line["fold_0"] != ""
    mean = statistics.mean(float(line[f"fold_{f}"]) for f in range(3))
    assert float(line["mean"]) == pytest.approx(mean, rel=1e-6)
    assert "warning: auc is undefined on the held-out rows of 1 of 4 models" in result.err


# ---- Configs, streams, signals -------------------------------------------------------------------


def test_the_config_of_a_training_serves(gbt, work):
    write(
        work / "c.ini",
        "[data]\ntrain = train.csv\nvalid = none.csv\nlabel = y\nignore = id,shop,part,w,kind\n"
        "[train]\nn_trees = 8\nearly_stopping_rounds = 3\n"
        "[output]\nmodel = m.gbt\n[cv]\nfolds = 3\n",
    )
    result = gbt("cv", "c.ini", cwd=work)
    assert "valid is not used" in result.err
    assert "fold_2" in result.out and "fold_3" not in result.out
    assert not (work / "m.gbt").exists()
    train = gbt("train", "c.ini", "valid=", "early_stopping_rounds=0", "verbosity=quiet", cwd=work)
    assert train.code == 0 and (work / "m.gbt").exists()
    assert "[cv]" not in gbt("info", "model=m.gbt", cwd=work).out


def test_progress_goes_to_stderr(run):
    result = run("label=y", quiet="")
    assert "round 1/12  held_out rmse" in result.err
    assert "is best of 12, 5 models on 5 folds" in result.err
    assert result.out.startswith("data,metric,n_trees,mean,deviation,fold_0,")
    assert run("label=y").err == ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["INT", "TERM"])
def test_a_signal_ends_with_the_best_so_far(gbt_path, work, number):
    command = "cv train=train.csv label=y ignore=id,shop,part,w,kind n_trees=1000000 --json"
    process = subprocess.Popen(
        [gbt_path, *command.split(), "early_stopping_rounds=0", "predictions=p.csv"],
        cwd=work,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    for line in process.stderr:
        if line.startswith("round "):
            break
    process.send_signal(number)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    said = json.loads(out)
    assert said["interrupted"] is True
    assert 1 <= said["n_trees"] <= said["rounds"] < 1000000
    assert len(read_csv((work / "p.csv").read_text())) == 150


# ---- Refusals ------------------------------------------------------------------------------------

CASES = Cases()
CASES.add_commands(
    USAGE,
    """
    cv                                              | gbt cv needs train=FILE
    cv train=none.csv                               | none.csv
    cv train=train.csv valid=train.csv              | valid has no effect in "gbt cv"
    cv train=train.csv model=m.gbt                  | model has no effect in "gbt cv"
    cv train=train.csv continue_from=m.gbt          | continue_from has no effect in "gbt cv"
    cv train=train.csv valid_fraction=0.1           | valid_fraction has no effect in "gbt cv"
    cv train=train.csv folds=1                      | folds | [2, 1000]
    cv train=train.csv repeats=0                    | repeats | [1, 1000]
    cv train=train.csv stratified=perhaps           | stratified | auto
    cv train=train.csv fold=part folds=3            | folds has no effect
    cv train=train.csv fold=part repeats=2          | repeats has no effect
    cv train=train.csv label=y fold=parts           | fold: no column "parts"
    cv train=train.csv label=y fold=99              | fold: column 99 is outside 0 .. 7
    cv train=train.csv label=y stratified=true      | needs classes
    cv train=train.csv label=kind group=shop stratified=true | groups
    cv train=train.csv label=y output=raw           | needs predictions=FILE
    cv train=train.csv label=y output=class predictions=p.csv | response and raw are
    cv train=train.csv label=y predictions=train.csv | name the same file
    cv train=train.csv label=y log_json=p.csv predictions=p.csv | name the same file
    cv train=x.svm fold=1                           | libsvm
    train train=train.csv model=m.gbt folds=3       | folds has no effect in "gbt train"
    """,
)
CASES.add_commands(
    DATA,
    """
    cv train=train.csv label=y folds=151            | 150 rows cannot be dealt into 151 folds
    cv train=train.csv label=y group=kind           | 3 groups cannot be dealt into 5 folds
    cv train=train.csv label=y fold=kind            | data row 1 | is no fold
    cv train=train.csv label=y fold=a               | data row 1 | is no fold
    cv train=train.csv label=y fold=w group=kind    | tear a group apart
    cv train=one.csv label=y                        | 1 rows
    """,
)
CASES.add_commands(
    MEMORY,
    """
    cv train=train.csv label=y memory_limit=100K    | 5 models at once | memory_limit
    """,
)


@pytest.mark.parametrize("name", CASES)
def test_it_is_refused(gbt, work, name):
    write(work / "x.svm", small_files.libsvm())
    write(work / "one.csv", small_files.csv_text(rows(1), NAMES))
    refuse_case(gbt, work, CASES[name])
