"""Influence, multi-task models and boosted heads through the functions of the package."""

import pickle

import gbt
import numpy as np
import pytest


@pytest.fixture(scope="module")
def tasks(rows):
    X, y = rows
    task = np.arange(len(y)) % 5
    return X, y + 3 * (task == 4), task


TASK_PARAMS = {
    "objective": "regression",
    "n_trees_shared": 10,
    "n_trees_robust": 5,
    "n_trees_task": 5,
}


def test_influence_of_a_training_row_is_what_the_top_lists(rows, model):
    X, y = rows
    calls = []

    def report(done, seconds):
        calls.append(done)

    influence = gbt.Influence(model, rows, progress=report)
    dense = influence.dense(X[:4], y[:4])
    assert dense.shape == (4, 1200)
    found, values = influence.top((X[:4], y[:4]), k=3)
    for target in range(4):
        order = np.argsort(-dense[target], kind="stable")
        assert (found[target, :3] == order[:3]).all()
        assert (values[target, :3] == dense[target][order[:3]]).all()
        assert values[target, 3] == dense[target].min()
    total = influence.sum(X[:4], y[:4])
    assert np.allclose(total, dense.astype(float).sum(0), rtol=1e-3, atol=1e-4)
    assert np.allclose(influence.self()[:4], np.diag(dense[:, :4]), rtol=1e-4, atol=1e-7)
    assert influence.relabel(X[:2], y[:2], -y).shape == (2, 1200)


def test_influence_refuses_other_rows_than_those_of_training(rows, model):
    with pytest.raises(gbt.DataError):
        gbt.Influence(model, (rows[0][:100], rows[1][:100]))
    with pytest.raises(gbt.ParamError, match="boostin"):
        gbt.Influence(model, rows, {"method": "magic"})


def test_influence_stops_when_the_callback_raises(rows, model):
    def fail(done, seconds):
        raise LookupError("enough")

    with pytest.raises(LookupError, match="enough"):
        influence = gbt.Influence(model, rows, {"method": "trex"}, progress=fail)
        influence.dense(rows, progress=fail)


def test_influence_by_neighbours_gives_location_and_scale(rows, model):
    influence = gbt.Influence(model, rows, {"method": "ibug", "neighbors": 20})
    location, scale = influence.interval(rows[0][:5], rows[1][:5])
    assert location.shape == scale.shape == (5,) and (scale > 0).all()


def test_influence_of_the_input_reads_raw_features(rows, model):
    influence = gbt.Influence(model, rows, {"method": "input_sim"})
    dense = influence.dense(rows[0][:3], rows[1][:3])
    assert dense.shape == (3, 1200)


def test_tasks_of_arrays_and_frames_make_one_model(tasks, tmp_path):
    X, y, task = tasks
    model = gbt.train_multitask(TASK_PARAMS, gbt.Dataset(X, y, task=task))
    assert [item.number for item in model.tasks] == list(range(5))
    assert 0 < model.tasks[4].outlier < 1 and model.rounds == (10, 5, 5)
    want = model.predict(X, task)
    names = np.array([f"t{number}" for number in task])
    columns = {f"f{k}": X[:, k] for k in range(5)}
    by_name = gbt.train_multitask(TASK_PARAMS, gbt.Dataset(columns, y, task=names))
    assert [item.name for item in by_name.tasks] == ["t0", "t1", "t2", "t3", "t4"]
    assert (by_name.predict(columns, names) == want).all()
    assert (by_name.predict({**columns, "task": names}) == want).all()
    only = task == 2
    assert np.allclose(model.extract(2).predict(X[only]), want[only], atol=1e-4)
    model.save(tmp_path / "tasks.gbt")
    other = gbt.load(tmp_path / "tasks.gbt")
    assert isinstance(other, gbt.MultiTaskModel) and (other.predict(X, task) == want).all()
    assert (pickle.loads(pickle.dumps(model)).predict(X, task) == want).all()
    with pytest.raises(gbt.ArgumentError, match="task"):
        model.predict(X)


def test_the_task_as_a_feature_reads_raw_values(tasks):
    X, y, task = tasks
    params = {"objective": "regression", "mode": "feature", "n_trees_shared": 10}
    model = gbt.train_multitask(params, gbt.Dataset(X, y, task=task))
    assert np.corrcoef(model.predict(X, task), y)[0, 1] > 0.9


def test_heads_train_predict_and_keep_their_weights(rows, tmp_path):
    X, y = rows
    params = {"objective": "binary", "units": 20, "learning_rate": 0.5}
    label = y > 1
    seen = []
    model = gbt.train_heads(params, (X[:800], label[:800]), (X[800:], label[800:]), [seen.append])
    assert seen and seen[0].results[0].metric == "logloss"
    want = model.predict(X)
    assert ((want > 0.5) == label).mean() > 0.8
    weights = model.weights()
    z = model.inputs(X) @ weights["hidden_weight"].T + weights["hidden_bias"]
    hidden = (1 + np.tanh(z / 2)) / 2
    raw = hidden @ weights["out_weight"].T + weights["out_bias"]
    assert np.allclose(raw[:, 0], model.predict(X, "raw"), atol=1e-3)
    classes, steps = model.predict_early(X)
    assert (classes == model.predict(X, "class")).all() and steps.max() <= model.n_steps
    model.save(tmp_path / "heads.gbt")
    assert (gbt.load(tmp_path / "heads.gbt").predict(X) == want).all()
    assert (pickle.loads(pickle.dumps(model)).predict(X) == want).all()


def test_heads_read_frames_and_categories(rows):
    X, y = rows
    columns = {f"c{k}": X[:, k] for k in range(5)}
    columns["kind"] = np.where(y > 1, "big", "small")
    model = gbt.train_heads({"objective": "regression", "units": 20}, gbt.Dataset(columns, y))
    again = {name: columns[name] for name in reversed(list(columns))}
    assert (model.predict(again) == model.predict(columns)).all()
