"""Every verb that looks at a saved model works on tree models, multi-task models and models of
neural heads, or says why it does not. What is printed is checked against definitions: trees are
walked here, metrics are computed here."""

import csv
import io
import json
import math
import random
import re
import subprocess

import pytest
from refusal import DATA, USAGE, contents, refuse

QUIET = "verbosity=quiet"
SITES = ("north", "south", "west")
MODELS = ("trees", "tasks", "heads")


def sites_text(n=150, seed=3, sites=SITES):
    """Columns id, a, b, c (text), site, y and k (three classes): every site has its own slope."""
    draw = random.Random(seed)
    lines = ["id,a,b,c,site,y,k"]
    for i in range(n):
        a, b, c, site = draw.random(), draw.random(), draw.choice("pq"), draw.choice(sites)
        y = {"north": 1.0, "south": 1.2}.get(site, -2.0) * a - b + (c == "p") + draw.gauss(0, 0.05)
        blank = i % 19 == 4
        k = "low" if y < -0.3 else "middle" if y < 0.7 else "high"
        lines.append(f"r{i},{a:.4f},{'' if blank else f'{b:.4f}'},{c},{site},{y:.4f},{k}")
    return "\n".join(lines) + "\n"


def train_all(gbt, folder, label, suffix=""):
    """trees.gbt, tasks.gbt and heads.gbt, each with the suffix."""
    other = "k" if label == "y" else "y"
    common = f"train=t.csv label={label} {QUIET}"
    grown = "min_child_samples=5 max_leaves=5"
    for command in (
        f"train {common} ignore=id,{other} model=trees{suffix}.gbt n_trees=11 {grown}",
        f"multitask {common} ignore=id,{other} task=site model=tasks{suffix}.gbt {grown}"
        " n_trees_shared=6 n_trees_robust=4 n_trees_task=3",
        f"heads {common} ignore=id,{other} model=heads{suffix}.gbt units=9 solver_iterations=20",
    ):
        gbt(*command.split(), cwd=folder)


@pytest.fixture(scope="module")
def trained(gbt, tmp_path_factory):
    """Bytes of the models of all kinds, for the label y and (suffix _k) for the label k."""
    folder = tmp_path_factory.mktemp("kinds")
    (folder / "t.csv").write_text(sites_text())
    train_all(gbt, folder, "y")
    train_all(gbt, folder, "k", "_k")
    return {path.name: path.read_bytes() for path in folder.glob("*.gbt")}


@pytest.fixture
def work(trained, tmp_path):
    for name, data in trained.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "t.csv").write_text(sites_text())
    (tmp_path / "v.csv").write_text(sites_text(90, seed=8))
    (tmp_path / "u.csv").write_text(sites_text(60, seed=9, sites=(*SITES, "moon")))
    return tmp_path


@pytest.fixture
def run(gbt, work):
    def run(command, code=0, **more):
        return gbt(*command.split(), code=code, cwd=work, **more)

    return run


def parse(text):
    return list(csv.DictReader(io.StringIO(text)))


def column(text, name):
    return [row[name] for row in parse(text)]


def numbers(text, name="prediction"):
    return [float(value) for value in column(text, name)]


def cells(work, file, name):
    return column((work / file).read_text(), name)


def rmse(predicted, truth):
    return math.sqrt(sum((p - float(y)) ** 2 for p, y in zip(predicted, truth)) / len(truth))


# ---- info and verify -----------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["", "_k"])
def test_info_names_the_kind_and_its_size(run, suffix):
    kinds, sizes = {}, {}
    for name in MODELS:
        said = json.loads(run(f"info model={name}{suffix}.gbt --json").out)
        kinds[name] = said["kind"]
        sizes[name] = said
        assert said["objective"] == ("multiclass" if suffix else "regression")
        assert said["label"] == ("k" if suffix else "y")
        assert said["classes"] == (["high", "low", "middle"] if suffix else [])
        assert said["outputs"] == (3 if suffix else 1)
        assert said["train_rows"] == 150
        names = [feature["name"] for feature in said["features"]]
        assert names == (["a", "b", "c"] if name == "tasks" else ["a", "b", "c", "site"])
    assert kinds == {"trees": "trees", "tasks": "multitask", "heads": "heads"}
    assert sizes["trees"]["rounds"] == 11
    rounds = [sizes["tasks"][f"rounds_{block}"] for block in ("shared", "robust", "task")]
    assert rounds == [6, 4, 3]
    assert (sizes["heads"]["steps"], sizes["heads"]["units"]) == (9, 9)


def test_info_shows_the_keys_of_the_module_and_of_no_other(run):
    shown = {
        name: json.loads(run(f"info model={name}.gbt --json").out)["params"] for name in MODELS
    }
    assert shown["tasks"]["n_trees_shared"] == "6" and "units" not in shown["tasks"]
    assert shown["heads"]["units"] == "9" and "n_trees_shared" not in shown["heads"]
    assert "units" not in shown["trees"] and "n_trees_shared" not in shown["trees"]
    assert all("method" not in params for params in shown.values())
    text = run("info model=tasks.gbt").out
    assert re.search(r"^\[multitask\]$", text, flags=re.M)
    assert re.search(r"^n_trees_shared = 6$", text, flags=re.M)


def test_info_lists_the_tasks(run, work):
    said = json.loads(run("info model=tasks.gbt --json").out)
    assert [task["task"] for task in said["tasks"]] == list(SITES)
    sites = cells(work, "t.csv", "site")
    assert [task["train_rows"] for task in said["tasks"]] == [sites.count(name) for name in SITES]
    assert all(0 < task["outlier_weight"] < 1 for task in said["tasks"])
    text = run("info model=tasks.gbt").out
    assert re.search(rf"^by task +north, {sites.count('north')} rows", text, flags=re.M)


def test_verify_finds_every_kind_good(run):
    assert run("verify model=tasks.gbt").out == "good: checksums, 3 tasks\n"
    assert json.loads(run("verify model=tasks.gbt --json").out) == {"good": True, "tasks": 3}
    assert run("verify model=heads.gbt").out == "good: checksums, 9 steps\n"
    assert json.loads(run("verify model=heads.gbt --json").out) == {"good": True, "steps": 9}
    assert "11 trees" in run("verify model=trees.gbt").out


@pytest.mark.parametrize("name", ["tasks", "heads"])
@pytest.mark.parametrize("step", range(12))
def test_a_flipped_bit_is_noticed_in_every_kind(gbt, work, name, step):
    data = bytearray((work / f"{name}.gbt").read_bytes())
    data[step * (len(data) - 1) // 11] ^= 1 << step % 8
    (work / "m.gbt").write_bytes(data)
    refuse(gbt, work, ["verify", "model=m.gbt"], DATA, ["m.gbt: "])


@pytest.mark.parametrize("name", ["tasks", "heads"])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.4, 0.9, 0.999])
def test_a_file_cut_short_is_noticed_in_every_kind(gbt, work, name, share):
    data = (work / f"{name}.gbt").read_bytes()
    (work / "m.gbt").write_bytes(data[: int(share * len(data))])
    refuse(gbt, work, ["info", "model=m.gbt"], DATA, ["m.gbt: "])


@pytest.mark.parametrize("name", MODELS)
def test_a_model_may_come_through_a_pipe(run, gbt_path, work, name):
    command = f"cat {name}.gbt | {gbt_path} predict model=/dev/stdin data=v.csv {QUIET}"
    done = subprocess.run(["bash", "-c", command], cwd=work, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == run(f"predict model={name}.gbt data=v.csv").out


# ---- predict -------------------------------------------------------------------------------------


def score(tree, row):
    """Value of the leaf that a row (name -> text) reaches."""
    nodes = {node["node"]: node for node in tree["nodes"]}
    at = nodes[0]
    while "leaf" not in at:
        text = row[at["name"]]
        if text == "":
            goes_left = at["missing_left"]
        elif "threshold" in at:
            goes_left = float(text) <= at["threshold"]
        else:
            goes_left = text in at["left_categories"]
        at = nodes[at["left" if goes_left else "right"]]
    return at["value"]


def named(model):
    """The dump with the name of the feature in every inner node."""
    for tree in model["trees"]:
        for node in tree["nodes"]:
            if "feature" in node:
                node["name"] = model["features"][node["feature"]]["name"]
    return model


def task_models(run, suffix=""):
    said = json.loads(run(f"dump model=tasks{suffix}.gbt format=json").out)
    return {part["task"]: named(part["model"]) for part in said}


def test_a_multitask_model_predicts_what_the_dumped_trees_of_the_task_say(run, work):
    models = task_models(run)
    assert list(models) == list(SITES)
    rows = parse((work / "v.csv").read_text())
    expected = []
    for row in rows:
        model = models[row["site"]]
        expected.append(model["base_score"][0] + sum(score(tree, row) for tree in model["trees"]))
    predicted = numbers(run("predict model=tasks.gbt data=v.csv output=raw").out, "raw")
    assert predicted == pytest.approx(expected, abs=2e-5)
    assert numbers(run("predict model=tasks.gbt data=v.csv").out) == predicted
    differ = [models["west"]["trees"] != models["north"]["trees"], len(set(predicted)) > 20]
    assert all(differ)


def test_classes_of_a_multitask_model_follow_from_the_dumped_trees(run, work):
    models = task_models(run, "_k")
    rows = parse((work / "v.csv").read_text())
    out = run("predict model=tasks_k.gbt data=v.csv output=raw id=id").out
    assert list(parse(out)[0]) == ["id", "raw_high", "raw_low", "raw_middle"]
    assert column(out, "id") == [row["id"] for row in rows]
    for k, name in enumerate(("high", "low", "middle")):
        expected = []
        for row in rows:
            model = models[row["site"]]
            trees = [tree for tree in model["trees"] if tree["output"] == k]
            expected.append(model["base_score"][k] + sum(score(tree, row) for tree in trees))
        assert numbers(out, f"raw_{name}") == pytest.approx(expected, abs=2e-5)


@pytest.mark.parametrize("name", MODELS)
def test_response_and_class_follow_from_the_raw_scores(run, name):
    raw, response, classes = (
        parse(run(f"predict model={name}_k.gbt data=v.csv output={output}").out)
        for output in ("raw", "response", "class")
    )
    assert list(response[0]) == ["p_high", "p_low", "p_middle"]
    for scores, shares, chosen in zip(raw, response, classes):
        powers = {key[4:]: math.exp(float(value)) for key, value in scores.items()}
        for key, power in powers.items():
            assert float(shares[f"p_{key}"]) == pytest.approx(
                power / sum(powers.values()), abs=2e-6
            )
        assert chosen["class"] == max(powers, key=powers.get)


def test_rows_of_unseen_tasks_are_counted_and_predicted_alike(run, work):
    moons = cells(work, "u.csv", "site").count("moon")
    assert moons > 5
    result = run("predict model=tasks.gbt data=u.csv")
    assert f"{moons} rows are of tasks that training did not see" in result.err
    assert len(parse(result.out)) == 60
    assert run(f"predict model=tasks.gbt data=u.csv {QUIET}").err == ""
    assert "training did not see" not in run("predict model=tasks.gbt data=v.csv").err
    text = (work / "u.csv").read_text()
    (work / "w.csv").write_text(text.replace(",moon,", ",mars,"))
    assert run("predict model=tasks.gbt data=w.csv").out == result.out
    assert f"{moons} rows" in run("eval model=tasks.gbt data=u.csv").err


def test_the_task_column_may_have_another_name(run, work):
    text = (work / "v.csv").read_text()
    (work / "w.csv").write_text(text.replace("site", "place", 1))
    out = run("predict model=tasks.gbt data=w.csv task=place").out
    assert out == run("predict model=tasks.gbt data=v.csv").out
    assert "task" in run("predict model=tasks.gbt data=w.csv", code=DATA).err


def test_the_first_steps_of_heads_are_a_model_of_their_own(run):
    whole = run("predict model=heads.gbt data=v.csv").out
    assert run("predict model=heads.gbt data=v.csv trees_to=9").out == whole
    parts = [run(f"predict model=heads.gbt data=v.csv trees_to={n}").out for n in (1, 4, 8)]
    assert len({whole, *parts}) == 4


def test_early_classes_are_the_classes(run):
    result = run("predict model=heads_k.gbt data=v.csv output=class early_margin=0")
    assert result.out == run("predict model=heads_k.gbt data=v.csv output=class").out
    steps = float(re.search(r"steps computed a row: ([\d.]+) of 9 on average", result.err)[1])
    assert 1 <= steps <= 9
    # A margin that every row has at once ends after the first steps.
    soon = run("predict model=heads_k.gbt data=v.csv output=class early_margin=1e-9").err
    assert float(re.search(r"a row: ([\d.]+) of", soon)[1]) < steps or steps == 1


def test_several_outputs_are_named_by_their_labels(run, work):
    draw = random.Random(5)
    lines = ["a,up,down"]
    for _ in range(80):
        a = draw.random()
        lines.append(f"{a:.3f},{a:.3f},{-2 * a:.3f}")
    (work / "two.csv").write_text("\n".join(lines) + "\n")
    run(f"train train=two.csv label=up,down model=two.gbt n_trees=5 min_child_samples=5 {QUIET}")
    out = run("predict model=two.gbt data=two.csv").out
    assert list(parse(out)[0]) == ["prediction_up", "prediction_down"]
    assert list(parse(run("predict model=two.gbt data=two.csv output=raw").out)[0]) == [
        "raw_up",
        "raw_down",
    ]
    assert all(
        a > 0 > b for a, b in zip(numbers(out, "prediction_up"), numbers(out, "prediction_down"))
    )


# ---- eval ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MODELS)
def test_eval_gives_the_metric_of_the_predictions_of_every_kind(run, work, name):
    row = parse(run(f"eval model={name}.gbt data=v.csv metric=rmse,mae").out)[0]
    predicted = numbers(run(f"predict model={name}.gbt data=v.csv").out)
    assert row["metric"] == "rmse"
    assert float(row["value"]) == pytest.approx(
        rmse(predicted, cells(work, "v.csv", "y")), rel=1e-5
    )
    assert float(row["low"]) < float(row["value"]) < float(row["high"])
    said = json.loads(run(f"eval model={name}.gbt data=v.csv metric=rmse,mae --json").out)
    assert said["rows"] == 90 and set(said["metrics"]) == {"rmse", "mae"}
    for bound in ("value", "low", "high"):
        assert said["metrics"]["rmse"][bound] == pytest.approx(float(row[bound]), rel=1e-5)


@pytest.mark.parametrize("data", ["v.csv", "u.csv"])
def test_eval_measures_every_task(run, work, data):
    rows = parse(run(f"eval model=tasks.gbt data={data} metric=rmse").out)
    predicted = numbers(run(f"predict model=tasks.gbt data={data}").out)
    truth, sites = cells(work, data, "y"), cells(work, data, "site")
    groups = {"all": list(range(len(truth)))}
    if data == "u.csv":
        groups["(unseen)"] = [i for i, site in enumerate(sites) if site == "moon"]
    groups |= {name: [i for i, site in enumerate(sites) if site == name] for name in SITES}
    assert [row["task"] for row in rows] == list(groups)
    for row in rows:
        at = groups[row["task"]]
        assert int(row["rows"]) == len(at)
        expected = rmse([predicted[i] for i in at], [truth[i] for i in at])
        assert float(row["value"]) == pytest.approx(expected, rel=1e-5)
    said = json.loads(run(f"eval model=tasks.gbt data={data} metric=rmse --json").out)
    assert [(task["task"], task["rows"]) for task in said["tasks"]] == [
        (row["task"], int(row["rows"])) for row in rows[1:]
    ]
    for task, row in zip(said["tasks"], rows[1:]):
        assert task["metrics"]["rmse"] == pytest.approx(float(row["value"]), rel=1e-6)


def test_eval_weighs_the_rows_of_a_task(run, work):
    lines = (work / "v.csv").read_text().splitlines()
    doubled = [line for i, line in enumerate(lines[1:]) for _ in range(1 + i % 2)]
    weighted = [f"{line},{1 + i % 2}" for i, line in enumerate(lines[1:])]
    (work / "d.csv").write_text("\n".join([lines[0], *doubled]) + "\n")
    (work / "w.csv").write_text("\n".join([f"{lines[0]},w", *weighted]) + "\n")
    twice = numbers(run("eval model=tasks.gbt data=d.csv").out, "value")
    heavy = numbers(run("eval model=tasks.gbt data=w.csv weight=w").out, "value")
    assert heavy == pytest.approx(twice, rel=1e-6)
    assert heavy != pytest.approx(numbers(run("eval model=tasks.gbt data=v.csv").out, "value"))


def test_a_metric_that_a_task_does_not_have_is_left_empty(run, work):
    text = sites_text().replace(",middle\n", ",low\n")
    (work / "two.csv").write_text(text)
    run(
        "multitask train=two.csv label=k ignore=id,y task=site model=m.gbt n_trees_shared=3"
        f" n_trees_robust=2 n_trees_task=2 {QUIET}"
    )
    lines = text.splitlines()
    kept = [line for line in lines if ",west," not in line or line.endswith(",low")]
    (work / "p.csv").write_text("\n".join(kept) + "\n")
    rows = parse(run("eval model=m.gbt data=p.csv metric=auc").out)
    found = {row["task"]: row["value"] for row in rows}
    assert found["west"] == "" and all(found[name] != "" for name in ("all", "north", "south"))
    said = json.loads(run("eval model=m.gbt data=p.csv metric=auc --json").out)
    assert [task["metrics"]["auc"] is None for task in said["tasks"]] == [False, False, True]


@pytest.mark.parametrize(("name", "rounds"), [("trees", 11), ("heads", 9)])
def test_stages_are_metrics_of_the_first_rounds(run, work, name, rounds):
    rows = parse(run(f"eval model={name}.gbt data=v.csv metric=rmse,mae stages=4").out)
    assert [row["metric"] for row in rows] == ["rmse", "mae"] * 4
    ends = [int(row["rounds"]) for row in rows[::2]]
    assert ends == [s * rounds // 4 for s in range(1, 5)]
    for end, row in zip(ends, rows[::2]):
        predicted = numbers(run(f"predict model={name}.gbt data=v.csv trees_to={end}").out)
        expected = rmse(predicted, cells(work, "v.csv", "y"))
        assert float(row["value"]) == pytest.approx(expected, rel=1e-5)
        assert 0 < float(row["seconds_per_row"]) < 1
    said = json.loads(run(f"eval model={name}.gbt data=v.csv metric=rmse,mae stages=4 --json").out)
    assert [stage["rounds"] for stage in said["stages"]] == ends
    for stage, row in zip(said["stages"], rows[::2]):
        assert stage["metrics"]["rmse"] == pytest.approx(float(row["value"]), rel=1e-6)
        assert stage["seconds_per_row"] > 0


@pytest.mark.parametrize(("name", "rounds"), [("trees", 11), ("heads", 9)])
def test_there_are_never_more_stages_than_rounds(run, name, rounds):
    found = column(run(f"eval model={name}.gbt data=v.csv metric=rmse stages=1000").out, "rounds")
    assert found == [str(end) for end in range(1, rounds + 1)]


# ---- importance and dump -------------------------------------------------------------------------


def test_importance_of_a_multitask_model_is_the_mean_over_tasks(run, work):
    sites = cells(work, "t.csv", "site")
    expected = dict.fromkeys("abc", 0.0)
    for task, model in task_models(run).items():
        for tree in model["trees"]:
            for node in tree["nodes"]:
                if "leaf" not in node:
                    expected[node["name"]] += node["gain"] * sites.count(task) / len(sites)
    rows = parse(run("importance model=tasks.gbt").out)
    found = {row["feature"]: float(row["gain"]) for row in rows}
    assert found == pytest.approx(expected, rel=1e-4)
    assert list(found.values()) == sorted(found.values(), reverse=True)
    said = json.loads(run("importance model=tasks.gbt --json").out)
    assert [row["feature"] for row in said] == [row["feature"] for row in rows]


def test_every_form_of_dump_names_the_tasks(run):
    text = run("dump model=tasks.gbt").out
    assert re.findall(r"^task (\w+)$", text, flags=re.M) == list(SITES)
    dot = run("dump model=tasks.gbt format=dot").out
    assert re.findall(r"^// task (\w+)$", dot, flags=re.M) == list(SITES)
    assert dot.count("digraph") >= 3


# ---- What is refused -----------------------------------------------------------------------------

REFUSED = [
    ("predict model=tasks.gbt data=v.csv output=leaf", "output = leaf needs a tree model; this"),
    ("predict model=heads.gbt data=v.csv output=leaf", "this one is a model of neural heads"),
    ("predict model=tasks.gbt data=v.csv trees_to=2", "trees_to has no effect: a multi-task model"),
    ("predict model=tasks.gbt data=v.csv trees_from=1", "trees_from has no effect: a multi-task"),
    ("predict model=heads.gbt data=v.csv trees_from=1", "always begins with its first step"),
    ("predict model=heads.gbt data=v.csv trees_to=10", "trees_to = 10: the model has 9 steps"),
    ("predict model=trees.gbt data=v.csv task=site", "task has no effect: the model is a tree"),
    ("predict model=heads.gbt data=v.csv task=site", "task has no effect: the model is a model of"),
    ("predict model=trees.gbt data=v.csv early_margin=0", "early_margin has no effect: the model"),
    ("predict model=tasks.gbt data=v.csv early_margin=0", "is a multi-task model"),
    ("predict model=heads.gbt data=v.csv early_margin=0", "early_margin = 0 needs output = class"),
    ("predict model=heads.gbt data=v.csv output=class", "output = class needs a classification"),
    (
        "predict model=heads_k.gbt data=v.csv output=class early_margin=0 trees_to=2",
        "trees_to and early_margin exclude each other",
    ),
    ("eval model=tasks.gbt data=v.csv stages=3", "stages has no effect: a multi-task model"),
    ("eval model=trees.gbt data=v.csv task=site", "task has no effect: the model is a tree model"),
    ("eval model=trees.gbt data=v.csv stages=-1", "stages"),
    ("dump model=heads.gbt", "heads.gbt is a model of neural heads, which has no trees"),
    ("importance model=heads.gbt", "export_weights=FILE"),
    ("train train=t.csv model=m.gbt stages=2", 'stages has no effect in "gbt train"'),
    ("check train=t.csv stages=2", 'stages has no effect in "gbt check"'),
    ("predict model=trees.gbt data=v.csv stages=2", 'stages has no effect in "gbt predict"'),
    ("info model=trees.gbt early_margin=0", 'early_margin has no effect in "gbt info"'),
]


@pytest.mark.parametrize(("command", "says"), REFUSED, ids=[command for command, _ in REFUSED])
def test_what_has_no_effect_on_a_kind_is_refused(gbt, work, command, says):
    refuse(gbt, work, command.split(), USAGE, [says])


EXPECTS_TREES = [
    "train train=t.csv label=y model=m.gbt continue_from={}",
    "influence train=t.csv data=v.csv model={}",
    "heads train=t.csv label=y model=m.gbt inputs=leaves leaf_model={}",
]


@pytest.mark.parametrize("command", EXPECTS_TREES, ids=lambda text: text.split()[0])
def test_verbs_that_need_trees_name_the_kind_that_they_got(gbt, work, command):
    arguments = command.format("tasks.gbt").split()
    says = ["tasks.gbt: a multi-task model where a tree model is expected"]
    refuse(gbt, work, arguments, DATA, says)
    arguments = command.format("heads.gbt").split()
    says = ["heads.gbt: a model of neural heads where a tree model is expected"]
    refuse(gbt, work, arguments, DATA, says)


def module_keys(gbt):
    """(section, key) of the side modules, from the template of a config."""
    section, keys = "", []
    for line in gbt("params", "--ini").out.splitlines():
        if line.startswith("["):
            section = line[1:-1]
        found = re.match(r"# (\w+) =(.*)$", line)
        if found and section in ("influence", "multitask", "heads"):
            keys.append((section, found[1], found[2].strip()))
    return keys


def test_train_and_check_refuse_the_keys_of_the_side_modules(gbt, work):
    keys = module_keys(gbt)
    assert {section for section, _, _ in keys} == {"influence", "multitask", "heads"}
    assert len(keys) > 30
    for verb in ("train", "check"):
        said = gbt("help", verb).out
        before = contents(work)
        for _, key, value in keys:
            result = gbt(verb, "train=t.csv", f"{key}={value}", code=USAGE, cwd=work)
            assert f'{key} has no effect in "gbt {verb}"' in result.err
            assert not re.search(rf"\b{key}\b", said)
        assert contents(work) == before


def test_one_config_serves_all_verbs(run, work):
    (work / "all.ini").write_text(
        "[data]\ntrain = t.csv\ndata = v.csv\nlabel = y\nignore = id, k\ntask = site\n"
        "[train]\nn_trees = 5\n[tree]\nmin_child_samples = 5\n"
        "[influence]\nmethod = boostin\ntop_k = 2\n"
        "[multitask]\nmode = shared\nn_trees_shared = 3\nn_trees_task = 2\n"
        "[heads]\nunits = 4\nearly_margin = -1\n"
        "[output]\nverbosity = quiet\n"
    )
    for verb, model in (("train", "a"), ("multitask", "b"), ("heads", "c")):
        run(f"{verb} all.ini model={model}.gbt")
        assert len(parse(run(f"predict all.ini model={model}.gbt").out)) == 90
        assert float(parse(run(f"eval all.ini model={model}.gbt").out)[0]["value"]) > 0
    kinds = [json.loads(run(f"info model={m}.gbt --json").out)["kind"] for m in "abc"]
    assert kinds == ["trees", "multitask", "heads"]
