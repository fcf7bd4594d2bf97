"""gbt.Model: prediction, inspection, files, pickles; one model from every language."""

import copy
import hashlib
import json
import os
import pickle
import subprocess

import gbt
import numpy as np
import pytest


def test_outputs_of_a_classification_agree(rows):
    X, y = rows
    label = np.digitize(y, [0, 1])
    model = gbt.train({"n_trees": 10, "objective": "multiclass"}, (X, label))
    response, raw = model.predict(X), model.predict(X, "raw")
    assert response.shape == raw.shape == (1200, 3) and np.allclose(response.sum(1), 1, atol=1e-5)
    assert (model.predict(X, "class") == raw.argmax(1)).all()
    assert model.classes == ["0", "1", "2"] and model.n_classes == 3
    with pytest.raises(gbt.ArgumentError, match="response, raw, class"):
        model.predict(X, "probability of rain")


def test_class_labels_keep_their_type(rows):
    X, y = rows
    for label in (np.where(y > 1, 5, -2), np.where(y > 1, 0.5, 0.25)):
        model = gbt.train({"n_trees": 3, "objective": "binary"}, (X, label))
        assert model.predict(X, "class").dtype.kind == label.dtype.kind
        assert set(model.predict(X, "class")) == set(label)


def test_rounds_may_be_chosen(model, rows):
    X = rows[0]
    assert (model.predict(X, trees=slice(0, 5)) == model.slice(0, 5).predict(X)).all()
    assert (model.predict(X, trees=slice(None)) == model.predict(X)).all()
    staged = list(model.staged_predict(X, every=10))
    assert len(staged) == 2 and (staged[1] == model.predict(X)).all()
    assert model.predict(X, "leaf", slice(3, 5)).shape == (1200, 2)
    for bad in (slice(4, 4), slice(0, 9, 2), 3):
        with pytest.raises(gbt.ArgumentError):
            model.predict(X, trees=bad)


def test_raw_scores_are_base_score_plus_leaves(model, rows):
    X = rows[0][:50]
    leaf, total = model.predict(X, "leaf"), np.full(50, model.base_score[0])
    for tree in range(model.n_trees):
        nodes = model.nodes(tree)
        value = {node["leaf"]: node["value"] for node in nodes if node["leaf"] >= 0}
        total += [value[number] for number in leaf[:, tree]]
    assert np.allclose(total, model.predict(X, "raw"), atol=1e-5)


def test_a_model_survives_files_bytes_pickle_and_copies(model, rows, tmp_path):
    want, path = model.to_bytes(), tmp_path / "model.gbt"
    model.save(path)
    assert path.read_bytes() == want and gbt.load(path).to_bytes() == want
    assert gbt.Model.from_bytes(want).to_bytes() == want
    assert pickle.loads(pickle.dumps(model)).to_bytes() == want
    assert copy.deepcopy(model).to_bytes() == want
    assert (gbt.load(str(path)).predict(rows[0]) == model.predict(rows[0])).all()


def test_faulty_files_and_bytes_are_refused(model, tmp_path):
    with pytest.raises(OSError, match="absent"):
        gbt.load(tmp_path / "absent.gbt")
    with pytest.raises(gbt.FormatError):
        gbt.Model.from_bytes(model.to_bytes()[:100])
    with pytest.raises(OSError):
        model.save(tmp_path / "no folder" / "model.gbt")


def test_a_model_describes_itself(model):
    assert model.objective == "regression" and model.n_rounds == 20
    assert model.feature_names == ["f0", "f1", "f2", "f3", "f4"]
    gain, splits = model.importance(), model.importance("split")
    assert max(gain, key=gain.get) in ("f0", "f1") and sum(splits.values()) > 20
    assert len(json.loads(model.dump("json"))["trees"]) == 20
    assert "digraph" in model.dump("dot") and "f0" in model.dump()
    model.verify()
    assert "regression" in model._repr_html_() and "20 trees" in repr(model)


def test_trees_become_a_frame(model):
    pytest.importorskip("pandas")
    frame = model.trees_to_dataframe()
    assert frame["tree"].nunique() == 20 and set(frame["feature"].dropna()) <= set(
        model.feature_names
    )
    root = frame[(frame["node"] == 0)]
    assert (root["rows"] == 1200).all()


def test_metrics_of_scores(model, rows):
    X, y = rows
    want = np.sqrt(np.mean((model.predict(X).astype(float) - y.astype(np.float32)) ** 2))
    assert np.isclose(model.metric("rmse", model.predict(X, "raw"), y), want, rtol=1e-5)


# ---- One model from every language ---------------------------------------------------------------


def write_table(path):
    rng = np.random.default_rng(11)
    x = rng.integers(0, 1000, (800, 3)) / 8.0
    text = np.array(["red", "green", "blue"])[rng.integers(0, 3, 800)]
    label = np.where(x[:, 0] + 40 * (text == "red") > 70, "late", "early")
    columns = {"a": x[:, 0], "b": x[:, 1], "c": x[:, 2], "text": text, "label": label}
    with open(path, "w", encoding="utf-8") as file:
        file.write(",".join(columns) + "\n")
        for row in zip(*columns.values()):
            file.write(",".join(map(str, row)) + "\n")
    return columns


def digest(data):
    return hashlib.sha256(data).hexdigest()


def test_python_and_command_line_write_the_same_file(program, tmp_path):
    columns = write_table(tmp_path / "data.csv")
    keys = {"n_trees": 25, "subsample": 0.7, "seed": 3, "max_leaves": 15}
    done = subprocess.run(
        [program, "train", "train=data.csv", "label=label", "model=cli.gbt", "threads=1"]
        + [f"{key}={value}" for key, value in keys.items()],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    want = digest((tmp_path / "cli.gbt").read_bytes())
    sources = {
        "file": gbt.Dataset(tmp_path / "data.csv", "label"),
        "columns": gbt.Dataset(columns, "label"),
    }
    features = {name: columns[name] for name in ("a", "b", "c", "text")}
    sources["label array"] = gbt.Dataset(features, columns["label"])
    for module in ("pandas", "polars"):
        try:
            frames = __import__(module)
        except ImportError:
            continue
        sources[module] = gbt.Dataset(frames.DataFrame(columns), "label")
    for name, data in sources.items():
        for threads in (1, 2):
            model = gbt.train({**keys, "threads": threads}, data)
            assert digest(model.to_bytes()) == want, name
    found = gbt.load(tmp_path / "cli.gbt").predict(tmp_path / "data.csv")
    assert (found == gbt.load(tmp_path / "cli.gbt").predict(columns)).all()


C_PROGRAM = r"""
#include <gbt/gbt.h>
#include <stdio.h>
int main(int n, char **arg)
{
    gbt_params *params = NULL;
    gbt_dataset *data = NULL;
    gbt_model *model = NULL;
    int failed = n < 3 || gbt_params_create(&params) || gbt_params_set(params, "n_trees", "25") ||
                 gbt_params_set(params, "label", "label") ||
                 gbt_dataset_from_file(params, arg[1], NULL, &data) ||
                 gbt_train(params, data, NULL, NULL, 0, NULL, NULL, &model) ||
                 gbt_model_save(model, arg[2]);
    if (failed) {
        fprintf(stderr, "%s\n", gbt_last_error());
    }
    gbt_model_free(model);
    gbt_dataset_free(data);
    gbt_params_free(params);
    return failed;
}
"""


def test_python_and_c_write_the_same_file(root, tmp_path):
    from gbt._native import lib

    write_table(tmp_path / "data.csv")
    (tmp_path / "program.c").write_text(C_PROGRAM)
    library = os.path.abspath(lib._name)
    if not os.path.exists(library):
        pytest.skip("the library is the system's")
    command = ["cc", "-I", root, "program.c", library, f"-Wl,-rpath,{os.path.dirname(library)}"]
    try:
        built = subprocess.run([*command, "-o", "program"], cwd=tmp_path, capture_output=True)
    except FileNotFoundError:
        pytest.skip("no C compiler")
    assert built.returncode == 0, built.stderr
    os.symlink(library, tmp_path / "libgbt.so.0.1")
    beside = os.path.join(os.path.dirname(os.path.dirname(library)), "gbtlib.libs")  # of a wheel
    environment = {**os.environ, "LD_LIBRARY_PATH": f"{tmp_path}:{beside}"}
    done = subprocess.run(
        ["./program", "data.csv", "c.gbt"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = gbt.train({"n_trees": 25}, gbt.Dataset(tmp_path / "data.csv", "label"))
    assert digest(found.to_bytes()) == digest((tmp_path / "c.gbt").read_bytes())
