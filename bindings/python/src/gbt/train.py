"""Training and cross-validation."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import _loop
from ._array import address, matrix_view
from ._bridge import RoundBridge
from ._errors import ArgumentError, ParamError
from ._handle import bytes_of, create, text_of
from ._native import CLASS, HANDLE, TEXTS, CvInfo, byref, lib
from .callback import progress as _progress
from .dataset import Dataset, dataset_of, valid_sets
from .model import KINDS, Model, choice, labels_of, shaped
from .params import Params, find, table

_FILE_KINDS = ("path", "paths")
_START = "continue_from"


def split_params(params, objective=None, metrics=()):
    """Parameters that are functions, apart from those for the library:
    (values, objective or None, [metrics])."""
    values, functions = {}, list(metrics)
    for key, value in (params or {}).items():
        name = find(key).name
        if name == "objective" and callable(value):
            objective = value
            continue
        if name == "metric" and not isinstance(value, str) and value is not None:
            items = [value] if callable(value) else list(value)
            functions += [item for item in items if callable(item)]
            value = [item for item in items if not callable(item)] or None
        values[key] = value
    return values, objective, functions


def check_keys(values):
    """Keys that only the command line obeys are refused: files that it reads and writes."""
    for key in values:
        row = find(key)
        if row.kind in _FILE_KINDS and row.name != _START and row.section in ("data", "output"):
            raise ParamError(
                f"{key} names a file for the command line; here data sets are arguments, and "
                "models are written with save()"
            )


def resolve(params, callbacks=(), progress=None):
    """(Params, callbacks): those of the caller, with what the callbacks ask for."""
    if isinstance(params, Params):
        raise ArgumentError("params: a dictionary is needed")
    values = dict(params)
    check_keys(values)
    callbacks = list(callbacks)
    if progress is None:
        progress = values.get("verbosity") not in ("quiet", "silent")
        if progress:
            callbacks.append(_progress(delay=1.0))
    elif progress:
        callbacks.append(_progress())
    names = {find(key).name for key in values if values[key] is not None}
    for item in callbacks:
        for key, value in (item.params() if hasattr(item, "params") else {}).items():
            if key in names:
                raise ParamError(f"{key} is given as a parameter and as a callback")
            values[key] = value
    return Params(values), callbacks


def train(
    params: dict | None,
    dataset: Dataset | Any,
    valid: Any = None,
    callbacks: Sequence[Callable] = (),
    *,
    objective: Callable | None = None,
    metric: Callable | Sequence[Callable] = (),
    init_model: "Model | str | os.PathLike | None" = None,
    progress: bool | None = None,
) -> Model:
    """Trains a model.

    params      parameters by name or alias; `gbt.params.help()` lists them
    dataset     a `Dataset`, a path, or a pair (X, y)
    valid       validation rows: a `Dataset`, a pair (X, y), a list, or a dictionary by name. With
                them training stops when the first metric on the first set stops improving
    callbacks   see `gbt.callback`
    objective   a loss of your own: `objective(scores, dataset)` returns gradients and Hessians for
                raw scores, [rows] or [rows x outputs]. Weights are its own business. Trees then
                start from zero and no link is applied, unless `params` names an objective as well
    metric      metrics of your own: `metric(scores, dataset)` returns (name, value, higher is
                better) for raw scores
    init_model  rounds of this model come first; n_trees counts them
    progress    a progress bar; None: in a terminal or notebook when it takes longer than a second

    The model depends on the data, parameters and seed alone: not on threads, machine or language.
    """
    metrics = [metric] if callable(metric) else list(metric)
    values, objective, metrics = split_params(params, objective, metrics)
    if objective is not None:
        known = {find(key).name for key in values}
        if "objective" not in known:
            values["objective"] = "regression"
            if "boost_from_average" not in known:
                values["boost_from_average"] = False
    own, callbacks = resolve(values, callbacks, progress)
    dataset = dataset_of(dataset)
    sets = valid_sets(valid, dataset)
    is_loop = objective is not None or metrics
    is_loop = is_loop or any(getattr(item, "needs_booster", False) for item in callbacks)
    run = _train_by_rounds if is_loop else _train_at_once
    with _Start(init_model, own, dataset):
        handle = run(own, dataset, sets, callbacks, objective, metrics)
    model = Model(handle)
    for item in callbacks:
        if hasattr(item, "finish"):
            item.finish(model)
    return model


class _Start:
    """The model to continue from, as a file for the library; its bins are those of the training
    rows."""

    def __init__(self, model, params, dataset):
        if model is None and params.is_set(_START):
            model = params.get(_START)
        self.model, self.params, self.dataset = model, params, dataset
        self.folder = self.before = None

    def __enter__(self):
        if self.model is None:
            return
        path = self.model
        if isinstance(path, Model):
            import tempfile  # takes longer to load than the rest of the package

            self.folder = tempfile.TemporaryDirectory()
            path = os.path.join(self.folder.name, "model.gbt")
            self.model.save(path)
        self.params.set(_START, path)
        handle = create(lib.gbt_model_load, lib.gbt_model_free, bytes_of(os.fspath(path)))
        self.before = self.dataset.reference
        like = create(lib.gbt_dataset_like_model, lib.gbt_dataset_free, handle)
        self.dataset.reference = _Cuts(like)

    def __exit__(self, kind, value, trace):
        if self.model is not None:
            self.dataset.reference = self.before
        if self.folder is not None:
            self.folder.cleanup()


class _Cuts:
    """The bins of a model in the place of a reference data set."""

    _side_names: dict = {}

    def __init__(self, like):
        self._like = like

    def handle(self, params):
        return self._like


def _train_at_once(params, dataset, sets, callbacks, objective, metrics):
    """By gbt_train."""
    train_handle = dataset.handle(params)
    handles = [data.handle(params) for _, data in sets]
    pointers = (HANDLE * len(handles))(*[handle._as_parameter_ for handle in handles])
    names = (TEXTS._type_ * len(handles))(*[bytes_of(name) for name, _ in sets])
    for item in callbacks:
        if hasattr(item, "start"):
            item.start(None)
    bridge = RoundBridge(lambda info: any([bool(item(info)) for item in callbacks]))
    arguments = (params.handle, train_handle, pointers, names, len(handles), bridge.function, None)
    with bridge:
        return create(lib.gbt_train, lib.gbt_model_free, *arguments)


def _train_by_rounds(params, dataset, sets, callbacks, objective, metrics):
    if params.get("valid_fraction") > 0:
        raise ParamError(
            "valid_fraction has no effect with functions of your own, changing learning rates or "
            "conditions of early stopping: hold rows out with Dataset.subset and give them as valid"
        )
    start = None
    if params.is_set(_START):
        path = bytes_of(params.get(_START))
        start = create(lib.gbt_model_load, lib.gbt_model_free, path)
    booster = _loop.Booster(
        params, dataset, [data for _, data in sets], [name for name, _ in sets], start
    )
    handle, _ = _loop.run(booster, objective, metrics, callbacks)
    return handle


class CrossValidation:
    """What `gbt.cv` found. `curves`: {"held_out": {metric: {"mean": [...], "deviation": [...]}}},
    and "train" with `train_metric`; one entry a round."""

    def __init__(self, handle):
        self._handle = handle
        info = CvInfo()
        lib.gbt_cv_describe(handle, byref(info))
        for name, _ in CvInfo._fields_:
            setattr(self, name, getattr(info, name))
        self.is_stratified, self.has_train = bool(info.is_stratified), bool(info.has_train)
        self.metrics = [
            text_of(lib.gbt_cv_metric_name(handle, metric)) for metric in range(self.n_metrics)
        ]
        parts = ["held_out", "train"] if self.has_train else ["held_out"]
        self.curves = {
            part: {name: self._curve(code, metric) for metric, name in enumerate(self.metrics)}
            for code, part in enumerate(parts)
        }

    def _curve(self, part, metric):
        mean, deviation = np.empty(self.n_rounds), np.empty(self.n_rounds)
        arrays = (address(mean), address(deviation))
        lib.gbt_cv_curve(self._handle, part, metric, *arrays, self.n_rounds)
        return {"mean": mean, "deviation": deviation}

    @property
    def best(self) -> dict:
        """{metric: (mean, deviation)} over the folds at the best round."""
        at = self.best_round - 1
        return {
            name: (float(curve["mean"][at]), float(curve["deviation"][at]))
            for name, curve in self.curves["held_out"].items()
        }

    def fold_of(self, repeat: int = 0) -> np.ndarray:
        """Fold of every row; -1: never held out."""
        out = np.empty(self.n_rows, np.int32)
        lib.gbt_cv_fold_of(self._handle, repeat, address(out), out.size)
        return out

    def predict(self, output: str = "response", repeat: int = 0) -> np.ndarray:
        """Predictions of every row by the model that did not see it."""
        kind = choice("output", output, KINDS)
        n_outputs = 1 if kind == CLASS else self.n_outputs
        out = np.empty(self.n_rows * n_outputs, np.float32)
        lib.gbt_cv_predict(self._handle, repeat, kind, address(out), out.size)
        if kind == CLASS:
            return labels_of(out, self.model(0).classes)
        return shaped(out, n_outputs)

    def model(self, index: int) -> Model:
        """The model of a fold: index = repeat x folds + fold."""
        return Model(create(lib.gbt_cv_model, lib.gbt_model_free, self._handle, index))

    def models(self) -> list:
        return [self.model(index) for index in range(self.n_folds * self.n_repeats)]

    def __repr__(self) -> str:
        values = ", ".join(
            f"{name} {mean:.6g} +- {deviation:.2g}" for name, (mean, deviation) in self.best.items()
        )
        return f"<gbt.cv: {self.n_folds} folds, best round {self.best_round}: {values}>"


def cv(
    params: dict | None,
    dataset: Dataset | Any,
    folds: Any = None,
    callbacks: Sequence[Callable] = (),
    *,
    own_cuts: bool = False,
    progress: bool | None = None,
) -> CrossValidation:
    """Cross-validation: one model a fold, all of them a round at a time.

    folds   None: dealt out as the parameters `folds`, `stratified` and `repeats` say; a number of
            folds; an array with the fold of every row; or an iterable of (train, test) row numbers
            as the splitters of scikit-learn give them, whose test parts must be disjoint

    own_cuts: whether every model places its bins by its own training rows, which costs a binning a
    model, instead of by all rows without their labels. Other arguments as in `gbt.train`;
    callbacks see the means over the folds.
    """
    values, objective, metrics = split_params(params)
    if objective is not None or metrics:
        raise ArgumentError("gbt.cv takes the objectives and metrics of the library only")
    if isinstance(folds, (int, np.integer)):
        values["folds"], folds = int(folds), None
    own, callbacks = resolve(values, callbacks, progress)
    for item in callbacks:
        if getattr(item, "needs_booster", False):
            raise ArgumentError(f"the callback {type(item).__name__} does not go with gbt.cv")
        if hasattr(item, "start"):
            item.start(None)
    dataset = dataset_of(dataset)
    raw = dataset.features(own) if own_cuts else None
    data = dataset.handle(own)
    fold = _fold_numbers(folds, lib.gbt_dataset_rows(data))
    bridge = RoundBridge(lambda info: any([bool(item(info)) for item in callbacks]))
    n = 0 if fold is None else fold.size
    with bridge:
        tail = (address(fold), n, bridge.function, None)
        if own_cuts:
            head = (lib.gbt_cv_run_features, lib.gbt_cv_free, own.handle, data)
            handle = create(*head, byref(matrix_view(raw)), *tail)
        else:
            handle = create(lib.gbt_cv_run, lib.gbt_cv_free, own.handle, data, *tail)
    result = CrossValidation(handle)
    for item in callbacks:
        if hasattr(item, "finish"):
            item.finish(None)
    return result


def _fold_numbers(folds, n_rows):
    if folds is None:
        return None
    first = folds[0] if hasattr(folds, "__getitem__") and len(folds) == n_rows else None
    if first is not None and np.ndim(first) == 0:
        return np.ascontiguousarray(folds, np.int32)
    fold = np.full(n_rows, -1, np.int32)
    for number, (_, test) in enumerate(folds):
        if (fold[test] >= 0).any():
            raise ArgumentError("folds: a row is in two test parts; give an array of fold numbers")
        fold[test] = number
    return fold


def _document():
    """Appends every parameter to the help of `train`."""
    train.__doc__ += "\n\n    Parameters\n\n" + "\n".join(
        "    " + line
        for row in table()
        if row.kind not in _FILE_KINDS
        for line in str(row).splitlines()
    )


_document()
