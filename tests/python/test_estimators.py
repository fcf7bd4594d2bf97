"""The estimators inside scikit-learn."""

import importlib.util
import pickle
import warnings

import gbt
import numpy as np
import pytest

if importlib.util.find_spec("sklearn") is None:
    pytest.skip("NOT TESTED: scikit-learn is not installed", allow_module_level=True)

from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_checks

from gbt.sklearn import XFAIL, GBTClassifier, GBTRegressor

# 30 rows, as scikit-learn's checks have them, are too few for leaves of 20 rows. Fewer trees and
# one thread only make the checks quick.
QUICK = {"min_child_samples": 5, "n_trees": 50, "n_jobs": 1}
CHECKED = [GBTClassifier(**QUICK), GBTRegressor(**QUICK)]


def all_checks():
    for estimator in CHECKED:
        if hasattr(estimator_checks, "estimator_checks_generator"):
            yield from estimator_checks.estimator_checks_generator(estimator)
        else:
            yield from estimator_checks.check_estimator(estimator, generate_only=True)


def name_of(value):
    return getattr(getattr(value, "func", value), "__name__", type(value).__name__)


@pytest.mark.parametrize("estimator, check", list(all_checks()), ids=name_of)
def test_check_estimator(estimator, check):
    if name_of(check) in XFAIL:
        pytest.xfail(XFAIL[name_of(check)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check(estimator)


@pytest.fixture(scope="module")
def classes(rows):
    X, y = rows
    return X, np.array(["low", "middle", "high"], dtype=object)[np.digitize(y, [0, 1])]


def test_an_estimator_is_gbt_train(rows):
    X, y = rows
    found = GBTRegressor(n_trees=9, learning_rate=0.2, random_state=3, subsample=0.5, n_jobs=2)
    want = gbt.train(
        {
            "n_trees": 9,
            "learning_rate": 0.2,
            "seed": 3,
            "subsample": 0.5,
            "objective": "regression",
        },
        (X, y),
    )
    assert found.fit(X, y).model_.to_bytes() == want.to_bytes()


def test_classes_may_be_of_any_type(rows):
    X, y = rows
    for values in (["a", "b"], [False, True], [7, -3], [1.0, 2.0]):
        label = np.array(values)[(y > 1).astype(int)]
        model = GBTClassifier(n_trees=5).fit(X, label)
        assert (model.classes_ == np.unique(values)).all()
        assert (model.predict(X) == label).mean() > 0.9
        proba = model.predict_proba(X)
        assert proba.shape == (1200, 2) and np.allclose(proba.sum(1), 1)
        assert ((model.decision_function(X) > 0) == (model.predict(X) == model.classes_[1])).all()


def test_names_of_other_libraries_are_understood():
    model = GBTClassifier(n_estimators=7, num_leaves=5, nthread=1)
    assert model.n_trees == 7 and model.max_leaves == 5 and model.n_jobs == 1
    assert model.set_params(eta=0.3).learning_rate == 0.3
    for wrong in ({"n_tres": 3}, {"num_class": 3}, {"lambda": 1}):
        with pytest.raises(TypeError, match="GBTClassifier"):
            GBTClassifier(**wrong)


def test_every_parameter_has_help():
    for name in GBTClassifier().get_params():
        assert f"\n{name} : " in GBTClassifier.__doc__


def test_clone_pickle_and_joblib_keep_everything(classes, tmp_path):
    joblib = pytest.importorskip("joblib")
    model = GBTClassifier(n_trees=4, metric=["multi_logloss"]).fit(*classes)
    assert clone(model).get_params() == model.get_params()
    joblib.dump(model, tmp_path / "model.joblib")
    for other in (pickle.loads(pickle.dumps(model)), joblib.load(tmp_path / "model.joblib")):
        assert (other.predict_proba(classes[0]) == model.predict_proba(classes[0])).all()


def test_pipelines_searches_and_calibration_work(classes):
    X, y = classes
    pipeline = make_pipeline(StandardScaler(), GBTClassifier(n_trees=5))
    search = GridSearchCV(pipeline, {"gbtclassifier__max_leaves": [3, 15]}, cv=3, n_jobs=2)
    assert search.fit(X, y).best_score_ > 0.8
    calibrated = CalibratedClassifierCV(GBTClassifier(n_trees=5), cv=3).fit(X, y)
    assert calibrated.predict_proba(X).shape == (1200, 3)
    assert cross_val_score(GBTClassifier(n_trees=5), X, y, cv=3).min() > 0.8


def test_validation_sets_stop_and_are_recorded(classes):
    X, y = classes
    model = GBTClassifier(n_trees=400, learning_rate=0.5, early_stopping_rounds=5)
    model.fit(X[:800], y[:800], eval_set=[(X[800:], y[800:])])
    assert 0 < model.best_round_ == model.n_rounds_ < 400
    assert len(model.evals_result_["valid"]["multi_logloss"]) == model.best_round_ + 5
    with pytest.raises(gbt.DataError, match="labels that y does not have"):
        model.fit(X, y, eval_set=(X, np.full(len(y), "none", dtype=object)))


def test_weights_and_importances(rows):
    X, y = rows
    weight = (X[:, 0] > 0).astype(float)
    model = GBTRegressor(n_trees=10).fit(X, y, sample_weight=weight)
    assert model.feature_importances_.sum() == pytest.approx(1)
    half = model.predict(X[X[:, 0] > 0])
    assert np.corrcoef(half, y[X[:, 0] > 0])[0, 1] > 0.95


def test_frames_keep_their_names_and_categories(rows):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(rows[0], columns=list("abcde"))
    frame["kind"] = np.where(rows[1] > 1, "big", "small")
    model = GBTRegressor(n_trees=5).fit(frame, rows[1])
    assert list(model.feature_names_in_) == list(frame.columns) and model.n_features_in_ == 6
    assert model.model_.categorical_features == ["kind"]
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame[frame.columns[::-1]])


def test_frames_are_read_by_position_after_fitting_without_names(rows):
    pandas = pytest.importorskip("pandas")
    model = GBTRegressor(n_trees=5).fit(*rows)
    frame = pandas.DataFrame(rows[0], columns=list("abcde"))
    with pytest.warns(UserWarning, match="feature names"):
        found = model.predict(frame)
    assert (found == model.predict(rows[0])).all()


def test_several_targets_are_several_outputs(rows):
    X, y = rows
    both = GBTRegressor(n_trees=5).fit(X, np.column_stack([y, -y])).predict(X)
    assert both.shape == (1200, 2) and np.corrcoef(both[:, 0], -both[:, 1])[0, 1] > 0.99


def test_one_seed_one_model_and_generators_are_taken(rows):
    models = [GBTRegressor(n_trees=3, subsample=0.5, random_state=s) for s in (1, 1, 2)]
    first, same, other = (model.fit(*rows).model_.to_bytes() for model in models)
    assert first == same != other
    GBTRegressor(n_trees=3, random_state=np.random.RandomState(0)).fit(*rows)


def test_training_may_continue_from_an_estimator(rows):
    start = GBTRegressor(n_trees=4).fit(*rows)
    more = GBTRegressor(n_trees=9).fit(*rows, init_model=start)
    assert more.n_rounds_ == 9
    assert (more.model_.slice(0, 4).predict(rows[0]) == start.model_.predict(rows[0])).all()


def test_tasks_are_told_apart_by_array_or_column(rows):
    X, y = rows
    task = np.arange(len(y)) % 4
    options = {"n_trees_shared": 10, "n_trees_robust": 5, "n_trees_task": 5}
    shifted = y + (task == 3) * 5
    by_array = gbt.MultiTaskRegressor(**options).fit(X, shifted, task=task)
    by_column = gbt.MultiTaskRegressor(task_column=5, **options)
    by_column.fit(np.column_stack([X, task]), shifted)
    want = by_array.predict(X, task=task)
    assert (by_column.predict(np.column_stack([X, task])) == want).all()
    assert len(by_array.tasks_) == 4 and np.corrcoef(want, shifted)[0, 1] > 0.9
    label = np.where(shifted > 2, "up", "down")
    assert (
        gbt.MultiTaskClassifier(**options).fit(X, label, task=task).predict(X, task=task) == label
    ).mean() > 0.9
    assert clone(by_column).get_params() == by_column.get_params()


def test_heads_learn_and_pickle(rows):
    X, y = rows
    model = gbt.BoostedHeadsRegressor(units=40, learning_rate=0.5).fit(X, y)
    assert np.corrcoef(model.predict(X), y)[0, 1] > 0.9
    assert (pickle.loads(pickle.dumps(model)).predict(X) == model.predict(X)).all()
    label = np.digitize(y, [0, 1])
    heads = gbt.BoostedHeadsClassifier(units=40, learning_rate=0.5).fit(X, label)
    assert (heads.predict(X) == label).mean() > 0.6 and heads.predict_proba(X).shape == (1200, 3)
