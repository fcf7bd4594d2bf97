"""Estimators for scikit-learn: thin layers over `gbt.train` and the side modules. Their parameters
are those of the library's table, under scikit-learn's names where it has some (random_state,
n_jobs); names of other libraries, such as n_estimators, are understood too."""

from __future__ import annotations

import inspect

import numpy as np

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
    from sklearn.utils import check_array, check_random_state
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import (
        _num_samples,
        check_consistent_length,
        check_is_fitted,
        column_or_1d,
    )
except ImportError as error:
    raise ImportError(f"gbt's estimators need scikit-learn (pip install scikit-learn): {error}")

from . import params as _params
from ._errors import DataError, ParamError
from ._array import is_sparse
from ._frame import frame_of
from .callback import log, record
from .dataset import Dataset
from .heads import train_heads
from .multitask import train_multitask
from .train import train

_RENAMED = {"seed": "random_state", "threads": "n_jobs"}
_FINITE = (
    "ensure_all_finite"
    if "ensure_all_finite" in inspect.signature(check_array).parameters
    else "force_all_finite"
)
_TYPES = [np.float64, np.float32, np.int32]

# ---- Parameters ----------------------------------------------------------------------------------


def _rows(sections, also, without):
    for row in _params.table():
        is_path = row.kind in ("path", "paths")
        if (row.section in sections or row.name in also) and not is_path:
            if row.name not in without:
                yield row


def _parameters(sections, also=(), without=(), extra=()):
    """Gives a class an `__init__` with a keyword for every such parameter of the table, and the
    help for it. `extra`: (name, default, help) of parameters of the estimator itself."""

    def decorate(cls):
        rows = list(_rows(sections, also, without))
        names = [_RENAMED.get(row.name, row.name) for row in rows]
        defaults = [None if row.name in _RENAMED else row.default for row in rows]
        for name, default, _ in (*extra, _VERBOSE):
            names.append(name)
            defaults.append(default)
        listed = ", ".join(f"{name}={default!r}" for name, default in zip(names, defaults))
        stored = "\n".join(f"    self.{name} = {name}" for name in names)
        code = (
            f"def __init__(self, *, {listed}, **aliases):\n{stored}\n    self._translate(aliases)"
        )
        space: dict = {}
        exec(code, space)
        cls.__init__ = space["__init__"]
        cls.__init__.__qualname__ = f"{cls.__qualname__}.__init__"
        shown = inspect.signature(cls.__init__)
        own = [item for item in shown.parameters.values() if item.kind is not item.VAR_KEYWORD]
        cls.__init__.__signature__ = shown.replace(parameters=own)
        cls._rows = tuple(rows)
        texts = [_help_of(row) for row in rows]
        texts += [f"{name} : default {value!r}\n    {text}" for name, value, text in extra]
        texts.append(f"verbose : int, default 0\n    {_VERBOSE[2]}")
        cls.__doc__ = f"{inspect.cleandoc(cls.__doc__)}\n\nParameters\n----------\n" + "\n".join(
            texts
        )
        return cls

    return decorate


_VERBOSE = ("verbose", 0, "print metrics every so many rounds; 0: never")


def _help_of(row):
    name = _RENAMED.get(row.name)
    if name is None:
        return str(row)
    kind = "int, RandomState or None" if name == "random_state" else "int or None"
    text = row.doc + ("; None: 0" if name == "random_state" else "; None or -1: all")
    return f"{name} : {kind}, default None\n    {text}"


class _Estimator(BaseEstimator):
    """What all of them share."""

    _rows: tuple = ()

    def _translate(self, aliases):
        for key, value in aliases.items():
            try:
                name = _params.find(key).name
            except ParamError as error:
                raise TypeError(f"{type(self).__name__}: {error}") from None
            name = _RENAMED.get(name, name)
            if not hasattr(self, name):
                raise TypeError(f"{type(self).__name__}: {key} has no effect here")
            setattr(self, name, value)

    def set_params(self, **params):
        own = self.get_params(deep=False)
        aliases = {
            key: params.pop(key) for key in list(params) if key not in own and "__" not in key
        }
        super().set_params(**params)
        self._translate(aliases)
        return self

    def _values(self):
        """Parameters that differ from their defaults, for the library."""
        values = {}
        for row in self._rows:
            value = getattr(self, _RENAMED.get(row.name, row.name))
            if row.name == "seed":
                value = None if value is None else self._seed(value)
            elif row.name == "threads":
                value = self._threads(value)
            if value is not None and not _is_equal(value, row.default):
                values[row.name] = value
        values["verbosity"] = "quiet"
        return values

    @staticmethod
    def _seed(value):
        if isinstance(value, (int, np.integer)):
            return int(value)
        return int(check_random_state(value).randint(np.iinfo(np.int32).max))

    @staticmethod
    def _threads(value):
        if value is None or value == -1:
            return None
        if value < 0:
            import os

            return max(1, (os.cpu_count() or 1) + 1 + value)
        return value

    # ---- Input -----------------------------------------------------------------------------------

    def _more_tags(self):  # scikit-learn up to 1.5
        return {"allow_nan": True, "X_types": ["2darray", "sparse"], "_xfail_checks": XFAIL}

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = True
        return tags

    def _rows_of(self, X, reset):
        """`X` checked: a data frame as it is, anything else as an array or sparse matrix."""
        frame = None if isinstance(X, np.ndarray) or is_sparse(X) else frame_of(X)
        if frame is not None:
            self._check_frame(X, frame, reset)
            if reset or hasattr(self, "feature_names_in_") or not hasattr(X, "to_numpy"):
                return X
            return np.asarray(X.to_numpy(), dtype=np.float64)  # fitted without names: by position
        options = {"accept_sparse": ["csr", "csc"], "dtype": _TYPES, _FINITE: "allow-nan"}
        if hasattr(self, "_validate_data"):
            return self._validate_data(X, reset=reset, **options)
        from sklearn.utils.validation import validate_data

        return validate_data(self, X, reset=reset, **options)

    def _check_frame(self, X, frame, reset):
        if hasattr(self, "_check_feature_names"):
            self._check_feature_names(X, reset=reset)
            names = None
        else:
            from sklearn.utils.validation import _check_feature_names

            names = _check_feature_names(self, X, reset=reset)
        n = len(frame.names)
        if frame.n_rows == 0 or n == 0:
            what = "sample(s)" if frame.n_rows == 0 else "feature(s)"
            raise ValueError(
                f"Found array with 0 {what} (shape=({frame.n_rows}, {n})) while a minimum of 1 is "
                "required."
            )
        if reset:
            self.n_features_in_ = n
        elif n != self.n_features_in_:
            raise ValueError(
                f"X has {n} features, but {type(self).__name__} is expecting "
                f"{self.n_features_in_} features as input"
            )
        return names

    def _weights_of(self, sample_weight, n):
        if sample_weight is None:
            return None
        weights = np.asarray(sample_weight, dtype=np.float64)
        if weights.ndim == 0:
            weights = np.full(n, float(weights))
        if weights.ndim != 1:
            raise ValueError("Sample weights must be 1D array or scalar")
        if len(weights) != n:
            raise ValueError(f"sample_weight.shape == {weights.shape}, expected {(n,)}!")
        if not weights.any():
            raise ValueError("Sample weights must contain at least one non-zero number.")
        return weights

    def _target(self, y, reset):
        """`y` as numbers for the library."""
        raise NotImplementedError

    def _dataset(self, X, y, sample_weight, reset, reference=None, **sides):
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None"
            )
        X = self._rows_of(X, reset)
        y = self._target(y, reset)
        n = _num_samples(X)
        if len(y) != n:
            check_consistent_length(X, y)
        weights = self._weights_of(sample_weight, n)
        categorical = getattr(self, "categorical", None)
        names = getattr(self, "feature_names_in_", None)
        if names is not None and not isinstance(X, np.ndarray):
            names = None
        return Dataset(
            X,
            y,
            weights,
            categorical=categorical,
            reference=reference,
            feature_names=names,
            **sides,
        )

    def _valid(self, eval_set, eval_sample_weight, train_set):
        if eval_set is None:
            return None
        pairs = [eval_set] if isinstance(eval_set, tuple) else list(eval_set)
        weights = eval_sample_weight or [None] * len(pairs)
        if len(weights) != len(pairs):
            raise ValueError(f"eval_sample_weight: {len(weights)} entries for {len(pairs)} sets")
        return [
            self._dataset(X, y, weight, False, train_set) for (X, y), weight in zip(pairs, weights)
        ]

    def _callbacks(self, callbacks):
        self._record = record()
        own = [self._record, *(callbacks or [])]
        return own + [log(self.verbose)] if self.verbose else own

    # ---- After fit -------------------------------------------------------------------------------

    def __sklearn_is_fitted__(self):
        return hasattr(self, "model_")

    def _predict(self, X, output, **arguments):
        check_is_fitted(self)
        X = self._rows_of(X, False)
        threads = self._threads(self.n_jobs) or 0
        return self.model_.predict(X, output, threads=threads, **arguments)

    @property
    def evals_result_(self):
        """{set: {metric: values}} of the last fit."""
        check_is_fitted(self)
        return self._curves


def _is_equal(a, b):
    if isinstance(a, (list, tuple, np.ndarray)) or callable(a):
        return a is b
    return type(a) is not bool and a == b or a is b


# Weighted and repeated rows are not the same here: cuts between bins and min_child_samples count
# rows. Checks that demand it fail for histogram-based trees in general.
_REASON = "cuts and min_child_samples count rows, not weights"
XFAIL = {
    "check_sample_weights_invariance": _REASON,
    "check_sample_weight_equivalence": _REASON,
    "check_sample_weight_equivalence_on_dense_data": _REASON,
    "check_sample_weight_equivalence_on_sparse_data": _REASON,
}


class _Classification(ClassifierMixin):
    def _target(self, y, reset):
        y = column_or_1d(y, warn=True)
        if reset:
            check_classification_targets(y)
            self.classes_, codes = np.unique(np.asarray(y), return_inverse=True)
            return codes.astype(np.float32)
        codes = np.searchsorted(self.classes_, y)
        codes[codes == len(self.classes_)] = 0
        if (self.classes_[codes] != np.asarray(y)).any():
            raise DataError("eval_set: labels that y does not have")
        return codes.astype(np.float32)

    def _objective(self, values):
        if len(self.classes_) < 2:
            raise ValueError(
                f"{type(self).__name__} needs at least two classes; y contains one class: "
                f"{self.classes_[0]!r}"
            )
        if values.get("objective", "auto") == "auto":
            values["objective"] = "binary" if len(self.classes_) == 2 else "multiclass"

    def predict_proba(self, X, **arguments):
        """Probabilities of the classes, in the order of `classes_`: [rows x classes]."""
        out = self._predict(X, "response", **arguments).astype(np.float64)
        if out.ndim == 1:
            return np.column_stack([1.0 - out, out])
        return out / out.sum(axis=1, keepdims=True)

    def decision_function(self, X, **arguments):
        """Raw scores: [rows] for two classes, else [rows x classes]."""
        return self._predict(X, "raw", **arguments).astype(np.float64)

    def predict(self, X, **arguments):
        """The most probable class of every row."""
        scores = self._predict(X, "raw", **arguments)
        chosen = (scores > 0).astype(np.intp) if scores.ndim == 1 else scores.argmax(axis=1)
        return self.classes_[chosen]


class _Regression(RegressorMixin):
    def _target(self, y, reset):
        y = check_array(y, ensure_2d=False, dtype=_TYPES[:2], input_name="y")
        if y.ndim > 2:
            raise ValueError(f"y has {y.ndim} dimensions")
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        return y

    def _objective(self, values):
        if values.get("objective", "auto") == "auto":
            values["objective"] = "regression"

    def predict(self, X, **arguments):
        """The predicted value of every row: [rows], or [rows x outputs]."""
        return self._predict(X, "response", **arguments).astype(np.float64)


class _Trees(_Estimator):
    def fit(
        self,
        X,
        y,
        sample_weight=None,
        eval_set=None,
        eval_sample_weight=None,
        callbacks=None,
        init_model=None,
    ):
        """Trains. `eval_set`: a pair (X, y) or a list of pairs; with it training stops when the
        metric on the first one stops improving, as `early_stopping_rounds` says."""
        data = self._dataset(X, y, sample_weight, True)
        values = self._values()
        self._objective(values)
        valid = self._valid(eval_set, eval_sample_weight, data)
        init_model = getattr(init_model, "model_", init_model)
        self.model_ = train(
            values,
            data,
            valid,
            self._callbacks(callbacks),
            init_model=init_model,
            progress=False,
        )
        self._curves = self.__dict__.pop("_record").curves
        return self

    def apply(self, X):
        """Leaf number of every row in every tree: [rows x trees]."""
        return self._predict(X, "leaf")

    @property
    def feature_importances_(self):
        """Gain of the splits on each feature, as shares of the total."""
        check_is_fitted(self)
        gain = np.array(list(self.model_.importance("gain").values()))
        return gain / gain.sum() if gain.sum() > 0 else gain

    @property
    def n_rounds_(self):
        """Rounds in the model."""
        check_is_fitted(self)
        return self.model_.n_rounds

    @property
    def best_round_(self):
        """Rounds that early stopping kept; 0: there was none."""
        check_is_fitted(self)
        return self.model_.best_round


_TREES = ("features", "objective", "train", "tree", "sampling", "device")
_DATA = ("categorical", "sample_for_bins", "memory_limit")


@_parameters(_TREES, also=_DATA, without=("num_class",))
class GBTClassifier(_Classification, _Trees):
    """Gradient-boosted trees for classification.

    `X` may be an array, a sparse matrix or a data frame; missing values are allowed, columns of
    texts and categories are categorical. After `fit`: `classes_`, `model_` (a `gbt.Model`),
    `feature_importances_`, `evals_result_`, `n_rounds_`, `best_round_`."""


@_parameters(_TREES, also=_DATA, without=("num_class",))
class GBTRegressor(_Regression, _Trees):
    """Gradient-boosted trees for regression, with several outputs when `y` has several columns.

    `X` may be an array, a sparse matrix or a data frame; missing values are allowed, columns of
    texts and categories are categorical. After `fit`: `model_` (a `gbt.Model`),
    `feature_importances_`, `evals_result_`, `n_rounds_`, `best_round_`."""

    def _more_tags(self):
        return {**super()._more_tags(), "multioutput": True}

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


# ---- Side modules --------------------------------------------------------------------------------


class _Tasks(_Estimator):
    def _split(self, X, task):
        """(X without its task column, tasks). One task when nothing tells them apart."""
        column = self.task_column
        if task is not None or column is None:
            if task is None:
                task = np.zeros(_num_samples(X), np.int32)
            return X, task
        if isinstance(X, np.ndarray):
            return np.delete(X, column, axis=1), X[:, column].astype(np.int64)
        if hasattr(X, "iloc"):
            return X.drop(columns=[column]), X[column]
        return X.drop([column]), X[column]

    def fit(self, X, y, sample_weight=None, task=None, eval_set=None, callbacks=None):
        """Trains. `task`: task of every row, unless `task_column` names a column of `X`; without
        either all rows are one task. `eval_set`: (X, y) or (X, y, task)."""
        X, task = self._split(X, task)
        data = self._dataset(X, y, sample_weight, True, task=task)
        values = self._values()
        self._objective(values)
        valid = None
        if eval_set is not None:
            rows, tasks = self._split(eval_set[0], eval_set[2] if len(eval_set) > 2 else None)
            valid = self._dataset(rows, eval_set[1], None, False, data, task=tasks)
        self.model_ = train_multitask(
            values, data, valid, self._callbacks(callbacks), progress=False
        )
        self._curves = self.__dict__.pop("_record").curves
        return self

    def _predict(self, X, output, task=None):
        check_is_fitted(self)
        X, task = self._split(X, task)
        X = self._rows_of(X, False)
        if hasattr(X, "tocsr"):
            X = X.toarray()
        threads = self._threads(self.n_jobs) or 0
        return self.model_.predict(X, task, output, threads=threads)

    @property
    def tasks_(self):
        """The tasks of the model with their outlier weights."""
        check_is_fitted(self)
        return self.model_.tasks


_TASK = [("task_column", None, "column of X that tells the tasks apart: name, or number")]
_TASK_SECTIONS = ("features", "objective", "train", "tree", "sampling", "device", "multitask")


@_parameters(_TASK_SECTIONS, _DATA, ("num_class", "n_trees", "compare"), _TASK)
class MultiTaskClassifier(_Classification, _Tasks):
    """Robust multi-task boosting for classification. After `fit`: `classes_`, `tasks_`, `model_` (a
    `gbt.MultiTaskModel`)."""


@_parameters(_TASK_SECTIONS, _DATA, ("num_class", "n_trees", "compare"), _TASK)
class MultiTaskRegressor(_Regression, _Tasks):
    """Robust multi-task boosting for regression. After `fit`: `tasks_`, `model_` (a
    `gbt.MultiTaskModel`)."""


class _Heads(_Estimator):
    def fit(self, X, y, sample_weight=None, eval_set=None, callbacks=None):
        """Trains. `eval_set`: a pair (X, y) for early stopping."""
        data = self._dataset(X, y, sample_weight, True)
        values = self._values()
        self._objective(values)
        valid = None
        if eval_set is not None:
            valid = self._dataset(*eval_set, None, False, data)
        self.model_ = train_heads(values, data, valid, self._callbacks(callbacks), progress=False)
        self._curves = self.__dict__.pop("_record").curves
        return self


_HEADS = ("objective", "train", "device", "heads")
_NO_HEADS = ("num_class", "n_trees", "early_margin")


@_parameters(_HEADS, (*_DATA, "subsample"), _NO_HEADS)
class BoostedHeadsClassifier(_Classification, _Heads):
    """A network with one hidden layer, boosted a few units at a time, for classification. After
    `fit`: `classes_`, `model_` (a `gbt.HeadsModel`)."""


@_parameters(_HEADS, (*_DATA, "subsample"), _NO_HEADS)
class BoostedHeadsRegressor(_Regression, _Heads):
    """A network with one hidden layer, boosted a few units at a time, for regression. After `fit`:
    `model_` (a `gbt.HeadsModel`)."""
