"""gbt.train, gbt.cv, parameters, callbacks, functions of the caller."""

import io
import logging
import sys

import gbt
import numpy as np
import pytest
from gbt import callback

PARAMS = {"n_trees": 30, "objective": "regression"}


def test_names_and_aliases_of_parameters_mean_the_same(rows):
    want = gbt.train({"n_trees": 5, "learning_rate": 0.2, "max_leaves": 7}, rows)
    found = gbt.train({"num_boost_round": 5, "eta": 0.2, "num_leaves": 7}, rows)
    assert found.to_bytes() == want.to_bytes()
    assert want.params["learning_rate"] == 0.2 and want.params["n_trees"] == 5


@pytest.mark.parametrize(
    "params, words",
    [
        ({"learning_rat": 0.1}, "nearest is learning_rate"),
        ({"learning_rate": 2}, r"\(0, 1\]"),
        ({"learning_rate": 0.1, "eta": 0.2}, "same parameter"),
        ({"max_leaves": "many"}, "whole number"),
        ({"lambda": 1}, "reg_lambda"),
        ({"model": "x.gbt"}, "save"),
        ({3: 4}, "names are str"),
    ],
)
def test_wrong_parameters_are_refused_with_the_message_of_the_library(rows, params, words):
    with pytest.raises(gbt.ParamError, match=words) as caught:
        gbt.train(params, rows)
    assert isinstance(caught.value, ValueError)


def test_none_means_default_and_numpy_numbers_are_numbers(rows):
    want = gbt.train({"n_trees": 4}, rows).to_bytes()
    found = gbt.train({"n_trees": np.int64(4), "learning_rate": None, "seed": np.int32(0)}, rows)
    assert found.to_bytes() == want


def test_the_table_of_parameters_is_the_librarys(capsys):
    table = {row.name: row for row in gbt.params.table()}
    assert table["learning_rate"].default == 0.1 and table["learning_rate"].type == "float"
    assert table["boost_from_average"].default is True and table["metric"].default is None
    gbt.params.help("eta")
    assert "learning_rate : float, default 0.1" in capsys.readouterr().out
    assert all(row.doc for row in table.values())
    assert "learning_rate : float, default 0.1" in gbt.train.__doc__


def test_threads_do_not_change_the_model(rows):
    models = {gbt.train({**PARAMS, "threads": n}, rows).to_bytes() for n in (1, 2, 3)}
    assert len(models) == 1


def test_validation_stops_training_and_names_are_kept(rows):
    X, y = rows
    noise = np.random.default_rng(0).normal(size=400)
    recorded = callback.record()
    model = gbt.train(
        {"n_trees": 500, "learning_rate": 0.5},
        (X[:800], y[:800]),
        valid={"late": (X[800:], y[800:] + noise), "seen": (X[:800], y[:800])},
        callbacks=[recorded],
    )
    assert 0 < model.best_round == model.n_rounds < 500
    curve = recorded.curves["late"]["rmse"]
    assert int(np.argmin(curve)) + 1 == model.best_round and set(recorded.curves) == {
        "late",
        "seen",
    }
    assert recorded.rounds == list(range(1, len(curve) + 1))


def test_early_stopping_as_callback_is_the_parameter(rows):
    X, y = rows
    sets = {"valid": (X[800:], y[800:])}
    want = gbt.train({**PARAMS, "early_stopping_rounds": 3, "eta": 0.9}, (X[:800], y[:800]), sets)
    found = gbt.train(
        {**PARAMS, "eta": 0.9}, (X[:800], y[:800]), sets, [callback.early_stopping(3)]
    )
    assert found.to_bytes() == want.to_bytes()
    with pytest.raises(gbt.ParamError, match="as a callback"):
        gbt.train({"early_stopping_round": 4}, rows, None, [callback.early_stopping(3)])


def test_early_stopping_with_conditions_keeps_the_best_round(rows):
    X, y = rows
    stop = callback.early_stopping(4, min_delta=0.05)
    model = gbt.train({**PARAMS, "n_trees": 200}, (X, y), [(X, y)], [stop])
    assert model.n_rounds == stop.best_round < 200


def test_callbacks_see_rounds_and_stop_training(rows):
    seen = []

    def stop(info):
        seen.append(info.round)
        return info.round == 7

    assert gbt.train(PARAMS, rows, callbacks=[stop]).n_rounds == 7 and seen == list(range(1, 8))


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_exception_in_a_callback_stops_training_and_is_raised(rows, kind):
    calls = []

    def fail(info):
        calls.append(info.round)
        if info.round == 3:
            raise kind("mine")

    with pytest.raises(kind, match="mine"):
        gbt.train(PARAMS, rows, callbacks=[fail])
    assert calls == [1, 2, 3]


def test_log_prints_every_few_rounds_and_the_last(rows):
    out = io.StringIO()
    gbt.train({**PARAMS, "n_trees": 7}, rows, rows, [callback.log(3, out)])
    lines = out.getvalue().splitlines()
    assert [line.split("]")[0] for line in lines] == ["[3", "[6", "[7"] and "valid rmse" in lines[0]


def test_learning_rates_may_change(rows):
    want = gbt.train({**PARAMS, "n_trees": 4, "learning_rate": 0.3}, rows)
    found = gbt.train(
        {**PARAMS, "n_trees": 4}, rows, callbacks=[callback.learning_rate(lambda r: 0.3)]
    )
    assert (found.predict(rows[0]) == want.predict(rows[0])).all()
    falling = callback.learning_rate([0.5, 0.25, 0.125])
    other = gbt.train({**PARAMS, "n_trees": 3}, rows, callbacks=[falling])
    halves = [np.abs(other.nodes(tree)["value"]).max() for tree in range(3)]
    assert halves[0] > 1.5 * halves[1] > 2.2 * halves[2]
    with pytest.raises(gbt.ParamError, match="learning_rate"):
        gbt.train(PARAMS, rows, callbacks=[callback.learning_rate(lambda r: 7.0)])


def test_an_objective_of_ones_own_equals_the_built_in(rows):
    def squared(scores, data):
        assert scores.shape == data.label.shape
        return scores - data.label, np.ones_like(scores)

    want = gbt.train({**PARAMS, "boost_from_average": False}, rows)
    found = gbt.train({**PARAMS, "objective": squared}, rows)
    assert np.allclose(found.predict(rows[0]), want.predict(rows[0]), atol=1e-5)


def test_several_outputs_reach_an_objective_row_by_row(rows):
    X, y = rows
    both = np.column_stack([y, -y]).astype(np.float32)

    def squared(scores, data):
        assert scores.shape == both.shape == data.label.shape
        return scores - data.label, np.ones_like(scores)

    model = gbt.train({"n_trees": 30}, (X, both), objective=squared)
    assert np.corrcoef(model.predict(X)[:, 1], -y)[0, 1] > 0.95


@pytest.mark.parametrize(
    "result, words",
    [
        ((np.zeros(3), np.ones(3)), "shape"),
        ((np.full(1200, np.nan), np.ones(1200)), "not finite"),
        (np.zeros(1200), "pair"),
    ],
)
def test_gradients_are_checked(rows, result, words):
    with pytest.raises(gbt.GBTError, match=words):
        gbt.train({}, rows, objective=lambda scores, data: result)


def test_an_exception_in_an_objective_is_raised(rows):
    with pytest.raises(ZeroDivisionError):
        gbt.train({}, rows, objective=lambda scores, data: 1 / 0)


def test_a_metric_of_ones_own_is_reported_and_stops(rows):
    X, y = rows

    def worst(scores, data):
        return "worst", float(np.abs(scores - data.label).max()), False

    recorded = callback.record()
    stop = callback.early_stopping(3, metric="worst")
    model = gbt.train({**PARAMS, "eta": 0.8}, rows, rows, [recorded, stop], metric=worst)
    curve = recorded.curves["valid"]["worst"]
    assert model.n_rounds == int(np.argmin(curve)) + 1 and "rmse" in recorded.curves["valid"]
    again = gbt.train({**PARAMS, "metric": ["mae", worst]}, rows, rows, [recorded])
    assert list(recorded.curves["valid"]) == ["mae", "worst"] and again.n_rounds == 30


def test_rounds_through_python_are_those_of_the_library(rows):
    X, y = rows
    sets = {"valid": (X[800:], y[800:])}
    values = {**PARAMS, "n_trees": 60, "eta": 0.7, "early_stopping_rounds": 3}
    seen = [callback.record(), callback.record()]
    want = gbt.train(values, (X[:800], y[:800]), sets, [seen[0]])
    found = gbt.train(
        values, (X[:800], y[:800]), sets, [seen[1]], metric=lambda s, d: ("m", 0, True)
    )
    assert found.n_rounds == want.n_rounds
    assert (found.predict(X) == want.predict(X)).all()
    assert seen[0].curves["valid"]["rmse"] == seen[1].curves["valid"]["rmse"]


def test_training_continues_from_a_model_and_from_a_file(rows, tmp_path):
    want = gbt.train({**PARAMS, "n_trees": 12}, rows)
    start = gbt.train({**PARAMS, "n_trees": 5}, rows)
    start.save(tmp_path / "start.gbt")
    for begin in (start, tmp_path / "start.gbt"):
        found = gbt.train({**PARAMS, "n_trees": 12}, rows, init_model=begin)
        assert (found.predict(rows[0]) == want.predict(rows[0])).all()
    found = gbt.train({**PARAMS, "n_trees": 12, "init_model": str(tmp_path / "start.gbt")}, rows)
    assert found.n_rounds == 12


def test_messages_of_the_library_reach_logging(rows, caplog):
    with caplog.at_level(logging.INFO, logger="gbt"):
        gbt.train({"n_trees": 3}, rows, callbacks=[lambda info: info.round == 2])
    assert any("stopped by the callback" in line for line in caplog.messages)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_the_progress_bar_shows_rounds_and_time_left_on_a_terminal_only(rows):
    out, pipe = Terminal(), io.StringIO()
    gbt.train(PARAMS, rows, rows, [callback.progress(out), callback.progress(pipe)])
    assert "30/30" in out.getvalue() and "left 0:00" in out.getvalue() and "rmse" in out.getvalue()
    assert out.getvalue().endswith("\n") and pipe.getvalue() == ""


def test_cross_validation_covers_every_row(rows):
    result = gbt.cv(PARAMS, rows, 4)
    fold = result.fold_of()
    assert result.n_folds == 4 and sorted(set(fold.tolist())) == [0, 1, 2, 3]
    mean, deviation = result.best["rmse"]
    assert 0 < mean < 1 and deviation > 0
    assert len(result.curves["held_out"]["rmse"]["mean"]) == result.n_rounds
    held_out = result.predict()
    for number, model in enumerate(result.models()):
        mine = fold == number
        assert (model.predict(rows[0][mine]) == held_out[mine]).all()


def test_models_of_a_cross_validation_may_have_bins_of_their_own(rows):
    X, y = rows
    fold = np.arange(1200) % 3
    own = gbt.cv({**PARAMS, "max_bin": 15}, rows, fold, own_cuts=True)
    n_trees = own.best_round
    want = gbt.train({**PARAMS, "max_bin": 15, "n_trees": n_trees}, (X[fold != 1], y[fold != 1]))
    assert (own.model(1).predict(X) == want.predict(X)).all()


class Notebook:
    """Stands for IPython in a running notebook."""

    def __init__(self):
        self.shown = []

    def get_ipython(self):
        return type("ZMQInteractiveShell", (), {})()

    def display(self, text, display_id):
        self.shown.append(text)
        return self

    def update(self, text):
        self.shown.append(text)


def test_the_progress_bar_of_a_notebook_updates_one_element(rows, monkeypatch):
    notebook = Notebook()
    notebook.HTML = str
    monkeypatch.setitem(sys.modules, "IPython", notebook)
    monkeypatch.setitem(sys.modules, "IPython.display", notebook)
    gbt.train(PARAMS, rows, rows, progress=True)
    assert "<progress" in notebook.shown[0] and "30/30" in notebook.shown[-1]


def test_cross_validation_takes_folds_of_the_caller(rows):
    fold = np.arange(1200) % 3
    pairs = [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(3)]
    want = gbt.cv(PARAMS, rows, fold)
    assert (want.fold_of() == fold).all()
    assert gbt.cv(PARAMS, rows, iter(pairs)).best == want.best == gbt.cv(PARAMS, rows, pairs).best
    with pytest.raises(gbt.ArgumentError, match="two test parts"):
        gbt.cv(PARAMS, rows, [([0], [1, 2]), ([0], [2, 3])])
